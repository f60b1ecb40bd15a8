/** All that can be seen of a terminal, and what output that follows could make visible: to compare two of them. */
import type { Terminal } from "@xterm/headless";
import { insideOf, type Style } from "./terminal-emulator.ts";
import { lookOf, styleSequence } from "./terminal-style.ts";

export interface SeenTerminal {
  readonly rows: Record<string, string[]>;
  readonly state: Record<string, unknown>;
}

export function seen(terminal: Terminal): SeenTerminal {
  const inside = insideOf(terminal);
  const { active, normal, alt } = inside.buffers;
  const isAlternate = active === alt;
  const { mouseTrackingMode, ...modes } = terminal.modes;
  const saved = (buffer: typeof normal) => ({
    at: [Math.min(buffer.savedX, terminal.cols - 1), Math.max(0, buffer.savedY - buffer.ybase)],
    style: styleSequence(buffer.savedCurAttrData),
  });
  return {
    rows: {
      normal: rowsOf(terminal, terminal.buffer.normal),
      alternate: isAlternate ? rowsOf(terminal, terminal.buffer.alternate) : [],
    },
    state: {
      cursor: [active.x, active.y],
      margins: [active.scrollTop, active.scrollBottom],
      hidden: inside.coreService.isCursorHidden,
      style: lookSeen(terminal, inside._inputHandler._curAttrData),
      afterCharacter: inside._inputHandler._parser.precedingJoinState !== 0,
      mouse: [mouseTrackingMode, inside.coreMouseService.activeEncoding],
      modes,
      saved: [saved(normal), isAlternate ? saved(alt) : undefined],
      level: inside._charsetService.glevel,
    },
  };
}

/** A blank shows more than its background: lines, or the colours the other way round. */
function isDrawn(cell: Style): boolean {
  return /;(4|4:\d|7|9|53)[;m]/.test(styleSequence(cell));
}

function lookSeen(terminal: Terminal, style: Style): string {
  return `${styleSequence(style)}${insideOf(terminal)._oscLinkService.getLinkData(lookOf(style).link) === undefined ? "" : " link"}`;
}

function rowsOf(terminal: Terminal, buffer: Terminal["buffer"]["normal"]): string[] {
  return Array.from({ length: buffer.length }, (_, row) => {
    const line = buffer.getLine(row);
    if (line === undefined) return "";
    // A first line whose beginning is gone continues nothing.
    let text = row > 0 && line.isWrapped ? "+" : "|";
    let last = "";
    for (let column = 0; column < terminal.cols; column += 1) {
      const cell = line.getCell(column) as Style;
      const characters = cell.getChars();
      const isEmpty = characters === "" || (characters === " " && !isDrawn(cell));
      // Of an empty cell only its background is seen.
      const look = isEmpty ? `bg ${cell.getBgColorMode()} ${cell.getBgColor()}` : lookSeen(terminal, cell);
      if (look !== last) text += `{${look}}`;
      last = look;
      text += isEmpty ? "·" : characters;
    }
    return text;
  });
}
