/**
 * What a terminal answers to programs that ask it: the emulator knows most (device attributes, status, cursor, modes,
 * settings), the rest is here. Programs that ask for colours want to know whether the background is dark.
 */
import type { Emulator } from "./terminal-emulator.ts";

const FOREGROUND = "e5e5e5";
const BACKGROUND = "000000";
const SPECIAL_COLOURS = [
  { code: 10, colour: FOREGROUND },
  { code: 11, colour: BACKGROUND },
  { code: 12, colour: FOREGROUND },
] as const;
/** xterm's own first sixteen. */
const NAMED_COLOURS =
  "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff".split(
    " ",
  );
const CUBE_LEVELS = ["00", "5f", "87", "af", "d7", "ff"];
const FIRST_OF_CUBE = 16;
const FIRST_GREY = 232;
const COLOURS = 256;

/** `reply` is what the program reads as if it had been typed. */
export function answerQueries(emulator: Emulator, reply: (text: string) => void): void {
  emulator.onData(reply);
  for (const [index, { code }] of SPECIAL_COLOURS.entries()) {
    emulator.parser.registerOscHandler(code, (data) => {
      // Several in one sequence mean this colour and those after it.
      for (const [offset, asked] of data.split(";").entries()) {
        const special = SPECIAL_COLOURS[index + offset];
        if (asked === "?" && special !== undefined) reply(colourReport(`${special.code}`, special.colour));
      }
      return false;
    });
  }
  emulator.parser.registerOscHandler(4, (data) => {
    const fields = data.split(";");
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const index = Number(fields[at]);
      if (fields[at + 1] === "?" && index >= 0 && index < COLOURS) reply(colourReport(`4;${index}`, indexed(index)));
    }
    return false;
  });
  emulator.parser.registerCsiHandler({ prefix: ">", final: "q" }, ([what]) => {
    if (what === 0) reply("\x1bP>|overmind\x1b\\");
    return true;
  });
}

function colourReport(what: string, hex: string): string {
  const channels = [0, 2, 4].map((at) => hex.slice(at, at + 2).repeat(2));
  return `\x1b]${what};rgb:${channels.join("/")}\x1b\\`;
}

function indexed(index: number): string {
  const named = NAMED_COLOURS[index];
  if (named !== undefined) return named;
  if (index >= FIRST_GREY) return (8 + 10 * (index - FIRST_GREY)).toString(16).padStart(2, "0").repeat(3);
  const cube = index - FIRST_OF_CUBE;
  return [Math.trunc(cube / 36), Math.trunc(cube / 6) % 6, cube % 6].map((level) => CUBE_LEVELS[level]).join("");
}
