/** session/result: text of the last attempt, or the screen of a program that paints one, and how long it took. */
import { beforeEach, expect, test } from "vitest";
import type { Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { failed, fault, ok, type Result } from "../../../schemas/fault.ts";
import { memoryStreams, type WrittenStreams } from "../../sessions/written-streams.fake.ts";
import type { Handler } from "../handler.ts";
import { CalledHandlers, inside, PERSON } from "./called-handlers.fake.ts";
import { resultHandler } from "./result.ts";

let world: CalledHandlers;
let streams: WrittenStreams;
beforeEach(() => {
  world = new CalledHandlers();
  streams = memoryStreams();
  world.streams = streams;
  // The one session whose streams these are.
  world.make("session");
});

const result = (readScreen = screenOf(undefined).handler, caller = PERSON) =>
  world.call(resultHandler(world.services, readScreen), { session: "session" }, caller);

/** A screen, or that there is none. */
function screenOf(screen: { fullScreen: boolean; lines: string[] } | undefined) {
  const asked: Params<"screen/get">[] = [];
  const handler: Handler<"screen/get"> = (params): Result<ResultOf<"screen/get">> => {
    asked.push(params);
    if (screen === undefined) return failed(fault("conflict", "it has never been started"));
    return ok({
      ...screen,
      session: { id: "session", name: "session" },
      attempt: 1,
      offset: 0,
      columns: 80,
      rows: 24,
      cursor: { column: 0, row: 0, visible: true },
      title: "",
      alternate: screen.fullScreen,
      scrollback: [],
      ansi: "",
    });
  };
  return { asked, handler };
}

test("the last attempt's text and duration, while it runs and when it has ended", async () => {
  streams.write(1, "of the first\n");
  streams.write(2, "answer\n");
  world.clock.advance(1500);
  expect(await result()).toMatchObject({ value: { text: "answer\n", truncated: false, durationMs: 1500 } });
  world.become("session", "CRASHED", { endedAtMs: world.clock.now(), exit: { code: 3, signal: null } });
  world.clock.advance(10_000);
  expect(await result()).toMatchObject({
    value: { durationMs: 1500, session: { phase: "CRASHED", exit: { code: 3 } } },
  });
});

test("of a session that was never started there is nothing, and no duration", async () => {
  world.become("session", "PENDING", { startedAtMs: null });
  expect(await result(screenOf(undefined).handler)).toMatchObject({
    value: { text: "", truncated: false, durationMs: null },
  });
});

test("a program that paints its screen is read as one; another's output as it is", async () => {
  streams.write(1, "\u001b[2Jsoup\n");
  const painting = screenOf({ fullScreen: true, lines: ["a title", "", "an answer", "", ""] });
  expect(await result(painting.handler)).toMatchObject({ value: { text: "a title\n\nan answer", truncated: false } });
  expect(painting.asked).toEqual([{ session: "session" }]);
  const plain = screenOf({ fullScreen: false, lines: ["other"] });
  expect(await result(plain.handler)).toMatchObject({ value: { text: "soup\n" } });
});

test("a session on pipes has no screen to be asked for", async () => {
  world = new CalledHandlers();
  world.streams = streams;
  world.make("session", { spec: { stdio: "pipes" } });
  streams.write(1, "text\n");
  const { asked, handler } = screenOf({ fullScreen: true, lines: [] });
  expect(await result(handler)).toMatchObject({ value: { text: "text\n" } });
  expect(asked).toEqual([]);
});

test("a stranger is told nothing", async () => {
  world.make("stranger");
  expect(await result(screenOf(undefined).handler, inside("stranger"))).toMatchObject({
    fault: { code: "not-permitted" },
  });
});
