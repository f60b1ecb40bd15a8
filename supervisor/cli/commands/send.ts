/** overmind send: a message, what became of it, and with --wait what came of it. */
import type { ResultOf } from "../../../schemas/client-protocol.ts";
import type { CliContext } from "../context.ts";
import { answerTo } from "../message-answer.ts";
import { messageId } from "../message-id.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";
import { durationFlag, usageError } from "../values.ts";

/** More than the longest message has bytes: what is longer is refused, and not read to its end for that. */
const MOST_INPUT_BYTES = 1 << 20;

type Sent = ResultOf<"message/send">;

export async function send(invocation: Invocation<"send">, context: CliContext): Promise<number> {
  const { flags } = invocation;
  if (flags.wait && flags["no-wait"]) throw usageError("--wait and --no-wait exclude each other");
  const sent = await deliver(invocation, context);
  const isAnswered = flags.wait && sent.message.state === "delivered";
  const output = isAnswered ? await answerTo(sent.message, context) : null;
  if (flags.json) {
    const { message, timedOut } = sent;
    await printJson(context.out, "send", { message, timedOut, output });
    return sent.exitCode;
  }
  if (output !== null) await context.out.write(output.map((line) => `${line}\n`).join(""));
  // With --wait what came is all that standard output holds, for whoever reads it from there.
  if (sent.exitCode !== 0) await context.err.write(sent.text);
  else if (!flags.wait) await context.out.write(sent.text);
  return sent.exitCode;
}

/** However often connections break meanwhile: under its id it is the same message. */
async function deliver({ flags, operands }: Invocation<"send">, context: CliContext): Promise<Sent> {
  const [session = "", typed] = operands;
  const limitMs = durationFlag("timeout", flags.timeout);
  const text = typed === "-" ? await readInput() : typed;
  const untilMs = limitMs === undefined ? undefined : context.now() + limitMs;
  return context.link.persist(async (connection) =>
    connection.request("message/send", {
      id: messageId(),
      session,
      ...(text === undefined ? {} : { text }),
      keys: [...flags.key],
      now: flags.now,
      until: flags.wait ? "idle" : flags["no-wait"] ? "queued" : "delivered",
      ...(untilMs === undefined ? {} : { timeoutMs: Math.max(0, Math.round(untilMs - context.now())) }),
      colour: context.out.colour && context.err.colour,
    }),
  );
}

/** Standard input to its end; the last line's own end is no part of the message, Enter takes its place. */
async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_INPUT_BYTES) {
      throw usageError(
        `standard input has more than ${MOST_INPUT_BYTES >> 20} MiB, which is no message`,
        "put it into a file of the session's worktree, and send the file's name",
      );
    }
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
