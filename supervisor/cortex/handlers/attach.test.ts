import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ok, type Result } from "../../../schemas/fault.ts";
import { Screens } from "../../sessions/screens.ts";
import { loadEmulator } from "../../sessions/terminal-emulator.ts";
import { memoryStreams, type WrittenStreams } from "../../sessions/written-streams.fake.ts";
import type { Services } from "../services.ts";
import { attachHandler, detachHandler } from "./attach.ts";
import { CalledHandlers, inside, turn } from "./called-handlers.fake.ts";
import { screenHandler } from "./screen.ts";
import { inputHandler, resizeHandler } from "./touch.ts";

/** The session whose streams the fake keeps. */
const ID = "session";
let world: CalledHandlers;
let streams: WrittenStreams;
let services: Services;
/** What the process was given, in order. */
let given: string[];

beforeAll(async () => void (await loadEmulator()));
beforeEach(() => {
  world = new CalledHandlers();
  streams = memoryStreams();
  world.streams = streams;
  given = [];
  world.hive.processes.input = (_key, bytes) => {
    given.push(Buffer.from(bytes).toString());
    return Promise.resolve(ok(undefined));
  };
  world.hive.processes.resize = (_key, { columns, rows }) => {
    given.push(`${columns}x${rows}`);
    return Promise.resolve(ok(undefined));
  };
  const { attachments, hive, log } = world.services;
  const screens = new Screens({ store: world.store, hive, clock: world.clock, log, attachments });
  services = { ...world.services, hive, screens } as Services;
  world.make(ID);
});

/** Time goes on until it is answered: a screen takes turns. */
async function answered<T>(asked: Promise<Result<T>>): Promise<T> {
  let done = false;
  const settled = asked.finally(() => {
    done = true;
  });
  while (!done) {
    await turn();
    world.clock.advance(1);
  }
  const result = await settled;
  if (!result.ok) throw new Error(`${result.fault.code}: ${result.fault.message}`);
  return result.value;
}

const attach = (params: { columns?: number; rows?: number; readOnly?: boolean } = {}) =>
  answered(world.call(attachHandler(services), { session: ID, ...params }));
const type = (text: string, params: { attachment?: number; reply?: boolean } = {}) =>
  world.call(inputHandler(services), { session: ID, bytes: Buffer.from(text).toString("base64"), ...params });
const resize = (columns: number, rows: number, attachment?: number) =>
  world.call(resizeHandler(services), {
    session: ID,
    columns,
    rows,
    ...(attachment === undefined ? {} : { attachment }),
  });
const text = (base64: string) => Buffer.from(base64, "base64").toString();

describe("session/attach", () => {
  test("gives the screen at the stream's end, and what is held back of it", async () => {
    streams.write(1, "hello \x1b[3", { timeMs: 77 });
    const attached = await attach();
    expect(attached).toMatchObject({ attempt: 1, offset: 16 + 9, columns: 120, rows: 30, at: 77 });
    expect(text(attached.screen)).toContain("hello");
    expect(text(attached.held)).toBe("\x1b[3");
    expect(attached.session).toMatchObject({ id: ID, attached: 1 });
  });

  test("gives the terminal the first one's size, and its own again when all have left", async () => {
    const first = await attach({ columns: 80, rows: 24 });
    const second = await attach({ columns: 90, rows: 25 });
    await type("a", { attachment: second.attachment });
    await type("b", { attachment: first.attachment });
    await resize(81, 24, first.attachment);
    await world.call(detachHandler(), { attachment: first.attachment });
    world.connection.release(second.attachment);
    expect(given).toEqual(["80x24", "90x25", "a", "80x24", "b", "81x24", "90x25", "120x30"]);
  });

  test("of a session that does not run is refused, and may be asked for again", async () => {
    world.become(ID, "BACKOFF");
    const refused = await world.call(attachHandler(services), { session: ID });
    expect(refused).toMatchObject({
      ok: false,
      fault: { code: "conflict", message: "session does not run: it is BACKOFF", retryable: true },
    });
    expect(services.attachments.count(ID)).toBe(0);
  });

  test("works on pipes, without a screen", async () => {
    world = new CalledHandlers();
    world.streams = streams;
    world.make(ID, { spec: { stdio: "pipes" } });
    streams.write(1, "output");
    services = { ...world.services, hive: world.services.hive } as Services;
    expect(await attach({ columns: 80, rows: 24 })).toMatchObject({
      offset: 16 + 6,
      screen: "",
      held: "",
      columns: 120,
    });
  });

  test("is not for sessions that are no ancestors", async () => {
    world.make("other");
    expect(await world.call(attachHandler(services), { session: ID }, inside("other"))).toMatchObject({
      ok: false,
      fault: { code: "not-permitted" },
    });
  });
});

describe("what an attachment may do", () => {
  test("a read-only one neither types nor sizes", async () => {
    const { attachment } = await attach({ columns: 80, rows: 24, readOnly: true });
    const refused = { ok: false, fault: { code: "not-permitted" } };
    expect(await type("a", { attachment })).toMatchObject(refused);
    expect(await resize(80, 24, attachment)).toMatchObject(refused);
    expect(given).toEqual([]);
  });

  test("the answers of a terminal are taken from whoever rules alone", async () => {
    const first = await attach();
    const second = await attach();
    await type("one", { attachment: first.attachment, reply: true });
    await type("two", { attachment: second.attachment, reply: true });
    await type("three", { reply: true });
    expect(given).toEqual(["one"]);
    await type("typed", { attachment: second.attachment });
    await type("four", { attachment: second.attachment, reply: true });
    expect(given).toEqual(["one", "typed", "four"]);
  });

  test("one that this connection does not have is told so", async () => {
    const { attachment } = await attach();
    const gone = { ok: false, fault: { code: "not-found", hint: "attach to it again" } };
    expect(await type("a", { attachment: attachment + 1 })).toMatchObject(gone);
    await world.call(detachHandler(), { attachment });
    expect(await type("a", { attachment })).toMatchObject(gone);
    expect(given).toEqual([]);
  });

  test("without one the session itself is given a size, and text", async () => {
    await type("text");
    await resize(100, 50);
    expect(given).toEqual(["text", "100x50"]);
  });
});

describe("screen/get", () => {
  const get = (scrollback = false) => world.call(screenHandler(services), { session: ID, scrollback });

  test("is the screen as text, with what was scrolled away when that is asked for", async () => {
    streams.write(1, `${Array.from({ length: 32 }, (_, row) => `row ${row}`).join("\r\n")}\x1b]2;title\x07`);
    const screen = await answered(get());
    expect(screen).toMatchObject({
      session: { id: ID, name: ID },
      attempt: 1,
      columns: 120,
      rows: 30,
      title: "title",
      alternate: false,
      fullScreen: false,
      scrollback: [],
    });
    expect(screen.lines).toHaveLength(30);
    expect(screen.lines[0]).toBe("row 2");
    expect((await answered(get(true))).scrollback).toEqual(["row 0", "row 1"]);
  });

  test("of a session that has ended it is the last, and before the next start too", async () => {
    streams.write(1, "last words");
    for (const phase of ["CRASHED", "BACKOFF"] as const) {
      world.become(ID, phase);
      expect((await answered(get())).lines[0]).toBe("last words");
    }
    world.become(ID, "STARTING", { attempt: 2 });
    expect((await answered(get())).lines[0]).toBe("last words");
  });

  test("a session that was never started has none yet, and one on pipes has none", async () => {
    world.make("new", { phase: "PENDING" });
    world.become("new", "STARTING", { attempt: 1 });
    expect(await world.call(screenHandler(services), { session: "new" })).toMatchObject({
      ok: false,
      fault: { code: "conflict", message: "new has no screen yet: it has not been started", retryable: true },
    });
    world.make("pipes", { spec: { stdio: "pipes" } });
    expect(await world.call(screenHandler(services), { session: "pipes" })).toMatchObject({
      ok: false,
      fault: { code: "conflict", hint: "its output: overmind logs pipes" },
    });
  });
});
