/** Standard output and standard error of this process, as commands write to them. */
import { styleFor } from "../../../schemas/text/style.ts";
import { type Output, ReaderGone } from "../context.ts";

export function processOutput(stream: NodeJS.WriteStream, environment: Readonly<NodeJS.ProcessEnv>): Output {
  const isTerminal = stream.isTTY === true;
  const colour = wantsColour(isTerminal, environment);
  let isGone = false;
  // Without a listener a closed pipe would be an uncaught exception: it is told by the next write.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
    isGone = true;
  });
  return {
    isTerminal,
    colour,
    style: styleFor(colour),
    write(data) {
      return new Promise((resolve, reject) => {
        if (isGone) {
          reject(new ReaderGone());
          return;
        }
        const isFull = !stream.write(data, (error) => {
          if (error !== null && error !== undefined) reject(new ReaderGone());
          else if (isFull) resolve();
        });
        if (!isFull) resolve();
      });
    },
  };
}

/** Colours are for terminals that show them, unless the user's environment says otherwise. */
export function wantsColour(isTerminal: boolean, environment: Readonly<NodeJS.ProcessEnv>): boolean {
  const { NO_COLOR: none, FORCE_COLOR: forced, TERM: terminal } = environment;
  if (none !== undefined && none !== "") return false;
  if (forced !== undefined && forced !== "") return forced !== "0";
  return isTerminal && terminal !== "dumb";
}

/** Resolves when all that was written is out, or nobody reads it. */
export function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) {
      resolve();
      return;
    }
    stream.write("", () => resolve());
    stream.once("error", () => resolve());
  });
}
