/** How failures and warnings are told: one line on standard error, and a hint. */
import type { Fault } from "../../../schemas/fault.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { Output } from "../context.ts";

export async function reportFault(err: Output, fault: Fault): Promise<void> {
  const hint = fault.hint === undefined ? "" : `${err.style.dim("hint:")} ${plain(fault.hint)}\n`;
  await err.write(`${err.style.red("overmind:")} ${plain(fault.message)}\n${workText(fault)}${hint}`);
}

export async function warn(err: Output, message: string): Promise<void> {
  await err.write(`${err.style.yellow("warning:")} ${plain(message)}\n`);
}

export async function hint(err: Output, message: string): Promise<void> {
  await err.write(`${err.style.dim("hint:")} ${plain(message)}\n`);
}

/** What would be lost, a line each: the message names the first few at most. */
function workText(fault: Fault): string {
  const work = fault.data?.work;
  if (fault.code !== "work-would-be-lost" || !Array.isArray(work)) return "";
  return work.map((item) => `  ${plain(String(item))}\n`).join("");
}
