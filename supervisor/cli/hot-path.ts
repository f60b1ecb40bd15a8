/**
 * `overmind ps`, `status` and `send` as fast as a Node program can be: one write to a supervisor that runs, and its
 * ready text printed. It knows the plain cases alone and fails without a word; whatever else there is, and every
 * complaint, is the whole command line's (main.ts). And what shells ask at each Tab for the names of sessions, which
 * must be as quick and never start a supervisor.
 */
import { writeSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { isatty } from "node:tty";
import type { Params, ResultOf } from "../../schemas/client-protocol.ts";
import { PROTOCOL_OLDEST, PROTOCOL_VERSION } from "../../schemas/protocol-version.ts";
import type { Target } from "../client/endpoint.ts";
import { encodeMessage, type Incoming, MessageReader } from "../client/framing.ts";
import { isLiving } from "./living.ts";
import { messageId } from "./message-id.ts";
import { wantsColour } from "./output/process-output.ts";

/**
 * A supervisor that is slower than that has something to be complained about. A message that waits for longer is waited
 * for by the whole command line, which survives the supervisor's end; it sends it under the same id.
 */
const ANSWER_LIMIT_MS = 10_000;
/** Somebody waits at a prompt, and can do without. */
const NAMES_LIMIT_MS = 2000;
/** A shell makes words of what it is given: no name may be more than a word. */
const SAFE_NAME = /^[a-z0-9._-]+$/;
const STDOUT = 1;
const STDERR = 2;
const HELLO_ID = 1;
const REQUEST_ID = 2;

export type HotRequest =
  | { readonly method: "session/table"; readonly params: Params<"session/table"> }
  | { readonly method: "supervisor/table"; readonly params: Params<"supervisor/table"> }
  | { readonly method: "message/send"; readonly params: Params<"message/send"> }
  | { readonly method: "session/list"; readonly params: Params<"session/list"> };

/** For the scripts of `overmind completion` alone: in no help, and silent whatever happens. */
export const COMPLETE = "__complete";

/** Undefined for every command line but the plainest. */
export function hotRequest(argv: readonly string[]): HotRequest | undefined {
  const [command, ...rest] = argv;
  const colour = wantsColour(isatty(STDOUT), process.env);
  if (command === "status" && rest.length === 0) return { method: "supervisor/table", params: { colour } };
  if (command === COMPLETE && rest[0] === "sessions")
    return { method: "session/list", params: { all: rest[1] === "--all" } };
  if (command === "send") {
    const params = messageParams(rest);
    return params === undefined ? undefined : { method: "message/send", params: { ...params, colour } };
  }
  const params = command === "ps" ? tableParams(rest) : undefined;
  return params === undefined ? undefined : { method: "session/table", params: { ...params, colour } };
}

/** `send SESSION TEXT`, perhaps with --now or --no-wait. */
function messageParams(words: readonly string[]): Params<"message/send"> | undefined {
  const flags = words.filter((word) => word.startsWith("-"));
  const [session, text, ...more] = words.filter((word) => !word.startsWith("-"));
  if (session === undefined || session === "" || text === undefined || more.length > 0) return undefined;
  if (!flags.every((flag) => flag === "--now" || flag === "--no-wait")) return undefined;
  const until = flags.includes("--no-wait") ? "queued" : "delivered";
  return { id: messageId(), session, text, now: flags.includes("--now"), until };
}

function tableParams(flags: readonly string[]): Params<"session/table"> | undefined {
  const params: { -readonly [K in keyof Params<"session/table">]: Params<"session/table">[K] } = {};
  for (let at = 0; at < flags.length; at += 1) {
    const flag = flags[at];
    if (flag === "-a" || flag === "--all") params.all = true;
    else if (flag === "--tree") params.tree = true;
    else {
      at += 1;
      const value = flags[at];
      if (value === undefined || value === "" || value.startsWith("-")) return undefined;
      if ((flag === "-o" || flag === "--output") && value === "wide") params.wide = true;
      else if (flag === "-l" || flag === "--selector") params.selector = value;
      else if (flag === "--colony") params.colony = value;
      else return undefined;
    }
  }
  return params;
}

/** On an answer it is printed and the process ends. Resolves when it is clear that there will be none. */
export function answerHot(request: HotRequest, target: Target): Promise<void> {
  return new Promise((resolve) => {
    const endpoint = target.kind === "home" ? target.layout.mainEndpoint : target.endpoint;
    const socket = createConnection(endpoint);
    const reader = new MessageReader();
    const giveUp = () => {
      socket.destroy();
      resolve();
    };
    socket.setTimeout(request.method === "session/list" ? NAMES_LIMIT_MS : ANSWER_LIMIT_MS, giveUp);
    socket.on("error", giveUp);
    socket.on("close", giveUp);
    socket.on("data", (chunk: Buffer) => {
      try {
        reader.push(chunk);
        for (let incoming = reader.next(); incoming !== undefined; incoming = reader.next()) {
          const answer = answerIn(incoming, request);
          if (answer !== undefined) print(answer, socket);
        }
      } catch {
        giveUp(); // Not what was asked for: the whole command line asks again, and says what is wrong.
      }
    });
    socket.write(encodeMessage(hello(target)) + encodeMessage({ jsonrpc: "2.0", id: REQUEST_ID, ...request }));
  });
}

function hello(target: Target): unknown {
  const params: Params<"hello"> = {
    protocol: PROTOCOL_VERSION,
    oldest: PROTOCOL_OLDEST,
    client: { name: "overmind", version: OVERMIND_VERSION },
    ...(target.kind === "session" ? { token: target.token } : {}),
  };
  return { jsonrpc: "2.0", id: HELLO_ID, method: "hello", params };
}

interface Answer {
  readonly text: string;
  /** What the command exits with; 0 when absent. */
  readonly exitCode?: number;
}

/** What to print, once it is there. Throws when it will not come. */
function answerIn(incoming: Incoming, { method, params }: HotRequest): Answer | undefined {
  const { id, result } = ("json" in incoming ? incoming.json : {}) as {
    readonly id?: number;
    readonly result?: unknown;
  };
  if (id === HELLO_ID) {
    const { protocol } = result as ResultOf<"hello">;
    if (protocol >= PROTOCOL_OLDEST && protocol <= PROTOCOL_VERSION) return undefined;
  }
  if (id === REQUEST_ID) {
    if (method === "session/list") return { text: namesIn(result as ResultOf<"session/list">, params.all === true) };
    const answer = result as Answer;
    if (typeof answer.text === "string") return answer;
  }
  throw new Error("no answer to what was asked");
}

function namesIn({ sessions }: ResultOf<"session/list">, all: boolean): string {
  const names = sessions.filter((session) => all || isLiving(session)).map(({ name }) => name);
  return [...new Set(names)].filter((name) => SAFE_NAME.test(name)).join("\n");
}

/** Ends the process. Written directly: a stream for standard output takes longer to make than to fill. */
function print({ text, exitCode = 0 }: Answer, socket: Socket): void {
  socket.removeAllListeners();
  const bytes = Buffer.from(text.endsWith("\n") || text === "" ? text : `${text}\n`);
  // What was asked for is printed; that it failed is told.
  const isGood = exitCode === 0;
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(isGood ? STDOUT : STDERR, bytes, written);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A pipe that does not block and is full: the stream waits for its reader, and ends the process by itself.
    if (code === "EAGAIN") {
      socket.destroy();
      process.exitCode = exitCode;
      (isGood ? process.stdout : process.stderr).write(bytes.subarray(written));
      return;
    }
    if (code !== "EPIPE") throw error; // Nobody reads any more, as after `| head`: that is no failure.
  }
  process.exit(exitCode);
}
