/**
 * `overmind ps` and `overmind status` as fast as a Node program can be: one write to a supervisor that runs, and its
 * ready text printed. It knows the plain cases alone and fails without a word; whatever else there is, and every
 * complaint, is the whole command line's (main.ts).
 */
import { writeSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { isatty } from "node:tty";
import type { Params, ResultOf } from "../../schemas/client-protocol.ts";
import { PROTOCOL_OLDEST, PROTOCOL_VERSION } from "../../schemas/protocol-version.ts";
import type { Target } from "../client/endpoint.ts";
import { encodeMessage, type Incoming, MessageReader } from "../client/framing.ts";
import { wantsColour } from "./output/process-output.ts";

/** A supervisor that is slower than that has something to be complained about. */
const ANSWER_LIMIT_MS = 10_000;
const STDOUT = 1;
const HELLO_ID = 1;
const TABLE_ID = 2;

export type HotRequest =
  | { readonly method: "session/table"; readonly params: Params<"session/table"> }
  | { readonly method: "supervisor/table"; readonly params: Params<"supervisor/table"> };

/** Undefined for every command line but the plainest. */
export function hotRequest(argv: readonly string[]): HotRequest | undefined {
  const [command, ...rest] = argv;
  if (command === "status" && rest.length === 0) return { method: "supervisor/table", params: {} };
  const params = command === "ps" ? tableParams(rest) : undefined;
  return params === undefined ? undefined : { method: "session/table", params };
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
    socket.setTimeout(ANSWER_LIMIT_MS, giveUp);
    socket.on("error", giveUp);
    socket.on("close", giveUp);
    socket.on("data", (chunk: Buffer) => {
      try {
        reader.push(chunk);
        for (let incoming = reader.next(); incoming !== undefined; incoming = reader.next()) {
          const text = textIn(incoming);
          if (text !== undefined) print(text, socket);
        }
      } catch {
        giveUp(); // Not what was asked for: the whole command line asks again, and says what is wrong.
      }
    });
    socket.write(encodeMessage(hello(target)) + encodeMessage(table(request)));
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

function table({ method, params }: HotRequest): unknown {
  const colour = wantsColour(isatty(STDOUT), process.env);
  return { jsonrpc: "2.0", id: TABLE_ID, method, params: { ...params, colour } };
}

/** The table, once it is there. Throws when it will not come. */
function textIn(incoming: Incoming): string | undefined {
  const { id, result } = ("json" in incoming ? incoming.json : {}) as {
    readonly id?: number;
    readonly result?: unknown;
  };
  if (id === HELLO_ID) {
    const { protocol } = result as ResultOf<"hello">;
    if (protocol >= PROTOCOL_OLDEST && protocol <= PROTOCOL_VERSION) return undefined;
  }
  if (id === TABLE_ID) {
    const { text } = result as ResultOf<"session/table">;
    if (typeof text === "string") return text;
  }
  throw new Error("no answer to what was asked");
}

/** Ends the process. Written directly: a stream for standard output takes longer to make than to fill. */
function print(text: string, socket: Socket): void {
  socket.removeAllListeners();
  const bytes = Buffer.from(text.endsWith("\n") || text === "" ? text : `${text}\n`);
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(STDOUT, bytes, written);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A pipe that does not block and is full: the stream waits for its reader, and ends the process by itself.
    if (code === "EAGAIN") {
      socket.destroy();
      process.stdout.write(bytes.subarray(written));
      return;
    }
    if (code !== "EPIPE") throw error; // Nobody reads any more, as after `| head`: that is no failure.
  }
  process.exit(0);
}
