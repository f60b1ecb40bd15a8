/**
 * A supervisor for tests of commands: a real socket and real framing, its answers scripted by method. It can break
 * every connection at a moment of the test's choice.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MethodName, Params, ResultOf } from "../../schemas/client-protocol.ts";
import { FaultError, faultOf } from "../../schemas/fault.ts";
import { homeLayout } from "../../schemas/home.ts";
import { FAULT_ERROR_CODE } from "../../schemas/protocol-version.ts";
import { RECORD_HEADER_BYTES, writeRecordHeader } from "../../schemas/segment.ts";
import { styleFor } from "../../schemas/text/style.ts";
import { connect } from "../client/connection.ts";
import { encodeMessage, MessageReader } from "../client/framing.ts";
import type { CliContext, Output } from "./context.ts";
import { Link } from "./link.ts";

export interface Peer {
  notify(method: string, params: unknown): void;
  /** Breaks the connection, as a supervisor that is killed. */
  destroy(): void;
}

type Answers = { [M in MethodName]?: (params: Params<M>, peer: Peer) => ResultOf<M> | Promise<ResultOf<M>> };

export interface ScriptedSupervisor {
  readonly endpoint: string;
  /** Every request, in order. */
  readonly asked: { readonly method: string; readonly params: unknown }[];
  onNotification: (method: string, params: { subscription: number; bytes: number }, peer: Peer) => void;
  breakAll(): void;
  close(): void;
}

export async function scriptedSupervisor(answers: Answers): Promise<ScriptedSupervisor> {
  const folder = mkdtempSync(join(tmpdir(), "om-cli-"));
  const endpoint = join(folder, "main.sock");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // A client that goes away is the test's doing.
    serve(socket);
  });
  const scripted: ScriptedSupervisor = {
    endpoint,
    asked: [],
    onNotification: () => {},
    breakAll() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      scripted.breakAll();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const serve = (socket: Socket) => {
    const reader = new MessageReader();
    const send = (message: unknown) => void socket.write(encodeMessage(message));
    const peer: Peer = {
      notify: (method, params) => send({ jsonrpc: "2.0", method, params }),
      destroy: () => void socket.destroy(),
    };
    const answer = async (id: number, method: MethodName, params: unknown) => {
      scripted.asked.push({ method, params });
      try {
        const handler = answers[method] as ((params: unknown, peer: Peer) => unknown) | undefined;
        send({ jsonrpc: "2.0", id, result: method === "hello" ? HELLO : await handler?.(params, peer) });
      } catch (error) {
        const fault = faultOf(error);
        send({ jsonrpc: "2.0", id, error: { code: FAULT_ERROR_CODE, message: fault.message, data: fault } });
      }
    };
    socket.on("data", (chunk: Buffer) => {
      reader.push(chunk);
      for (let incoming = reader.next(); incoming !== undefined; incoming = reader.next()) {
        const message = ("json" in incoming ? incoming.json : {}) as { id?: number; method: MethodName; params: never };
        if (message.id === undefined) scripted.onNotification(message.method, message.params, peer);
        else void answer(message.id, message.method, message.params);
      }
    });
  };
  await new Promise<void>((resolve) => server.listen(endpoint, resolve));
  return scripted;
}

const HELLO: ResultOf<"hello"> = {
  protocol: 1,
  supervisor: { version: "0.0.0", buildId: "test", pid: 1 },
  hiveId: "hive",
  capabilities: [],
  session: null,
};

export interface TestContext extends CliContext {
  readonly printed: () => string;
  readonly complained: () => string;
  interrupt(): void;
}

export function contextFor(endpoint: string, options: { readonly isTerminal?: boolean } = {}): TestContext {
  let interrupt = () => {};
  const isInterrupted = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  const [out, err] = [memoryOutput(options.isTerminal ?? false), memoryOutput(false)];
  const open = async () => connect(endpoint, { clientName: "test" });
  const notHere = () => {
    throw new FaultError({ code: "failed", message: "not in this test", retryable: false });
  };
  return {
    out,
    err,
    environment: {},
    workingFolder: "/",
    layout: homeLayout("/nowhere", { platform: "linux", userId: 0 }),
    identity: { version: "0.0.0", buildId: "test" },
    programFolder: "/nowhere",
    now: () => Date.now(),
    link: new Link(open),
    connectIfRunning: open,
    stopSupervisor: notHere,
    restartSupervisor: notHere,
    supervisorCommand: notHere,
    interrupted: () => isInterrupted,
    printed: () => out.text(),
    complained: () => err.text(),
    interrupt: () => interrupt(),
  };
}

function memoryOutput(isTerminal: boolean): Output & { text(): string } {
  const chunks: Buffer[] = [];
  return {
    isTerminal,
    colour: false,
    style: styleFor(false),
    async write(data) {
      chunks.push(Buffer.from(data as string));
    },
    text: () => Buffer.concat(chunks).toString("utf8"),
  };
}

/** Records as the process host writes them, end to end. */
export function encodeRecords(
  records: readonly { readonly kind: number; readonly payload: string; readonly timeMs?: number }[],
): Buffer {
  return Buffer.concat(
    records.map(({ kind, payload, timeMs }, sequence) => {
      const bytes = Buffer.from(payload);
      const header = Buffer.alloc(RECORD_HEADER_BYTES);
      writeRecordHeader(header, 0, {
        kind,
        sequence,
        length: bytes.length,
        timeMs: timeMs ?? 1_795_000_000_000 + sequence,
      });
      return Buffer.concat([header, bytes]);
    }),
  );
}
