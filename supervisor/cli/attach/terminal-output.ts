/** Writes to this terminal what a session wrote, and between its attempts what happened to it. */
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";
import type { OwnTerminal } from "./own-terminal.ts";

export class TerminalOutput {
  readonly #context: Pick<CliContext, "out" | "err">;
  readonly #terminal: OwnTerminal;

  constructor(context: Pick<CliContext, "out" | "err">, terminal: OwnTerminal) {
    this.#context = context;
    this.#terminal = terminal;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#terminal.note(bytes);
    await this.#context.out.write(bytes);
  }

  async writeError(bytes: Uint8Array): Promise<void> {
    await this.#context.err.write(bytes);
  }

  /** Whatever the output left the terminal in is over. */
  async reset(): Promise<void> {
    const reset = this.#terminal.takeReset();
    if (reset !== "") await this.#context.out.write(reset);
  }

  /** A line of its own. */
  async tell(text: string): Promise<void> {
    await this.reset();
    await this.#line(this.#context.err.style.dim(`-- overmind: ${plain(text)}`));
  }

  /** In the midst of output, whose state it leaves alone. */
  async warn(text: string): Promise<void> {
    await this.#line(`${this.#context.err.style.yellow("warning:")} ${plain(text)}`);
  }

  async #line(text: string): Promise<void> {
    // A raw terminal does not go to the line's beginning by itself.
    await this.#context.err.write(`${text}${this.#terminal.isInteractive ? "\r" : ""}\n`);
  }
}
