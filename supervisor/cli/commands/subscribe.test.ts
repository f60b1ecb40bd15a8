import { afterEach, expect, test } from "vitest";
import { FaultError, fault } from "../../../schemas/fault.ts";
import type { MessageView, TransitionView } from "../../../schemas/session-view.ts";
import { sessionView } from "../../../schemas/text/session-views.fake.ts";
import { ReaderGone } from "../context.ts";
import { invocationOf } from "../invocation.fake.ts";
import {
  contextFor,
  type Peer,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import type { SessionChange } from "../told-session.ts";
import { subscribe } from "./subscribe.ts";

let supervisor: ScriptedSupervisor;
let context: TestContext;
afterEach(() => {
  context.link.close();
  supervisor.close();
});

const RESTARTED = 3;
const at = (second: number) => new Date(Date.UTC(2026, 10, 24, 12, 0, second)).toISOString();

function transition(id: number, to: TransitionView["to"], attempt = 1): TransitionView {
  return { id, at: at(id), from: "PENDING", to, attempt, reason: `became ${to}`, evidence: {} };
}
function asChange({ id: _, evidence: __, ...change }: TransitionView): SessionChange {
  return { type: "transition", ...change };
}
function message(state: MessageView["state"]): MessageView {
  return {
    id: "message-1",
    sessionId: "id-calm-otter",
    createdAt: at(1),
    by: "ada",
    text: "hello",
    keys: [],
    state,
    reason: "",
    attempt: 1,
    deliveredAt: null,
  };
}
const END: SessionChange = { type: "end", at: at(9), phase: "COMPLETED", exit: { code: 0, signal: null } };

/** What the session is, as it stands at each connection, and what comes of it as soon as it is followed. */
interface Scene {
  transitions: TransitionView[];
  messages?: MessageView[];
  activity?: "working" | "idle";
  changes: SessionChange[];
  /** The connection breaks after the changes. */
  thenBreak?: boolean;
}

async function follow(...scenes: readonly (Scene | "removed")[]): Promise<void> {
  let connections = -1;
  const scene = () => {
    const present = scenes[Math.max(0, connections)];
    if (present === undefined || present === "removed") throw new FaultError(fault("not-found", "it was removed"));
    return present;
  };
  const tell = async (peer: Peer) => {
    const { changes, thenBreak } = scene();
    for (const change of changes) {
      peer.notify("session/change", { subscription: 5, changes: [change] });
      await new Promise((wake) => setImmediate(wake));
    }
    if (thenBreak === true) peer.destroy();
  };
  supervisor = await scriptedSupervisor({
    "session/follow": () => {
      connections += 1;
      scene();
      return { subscription: 5, session: sessionView() };
    },
    "session/get": () => {
      const { transitions, activity } = scene();
      return { session: sessionView({ activity: activity ?? "working" }), transitions, environment: null, logs: [] };
    },
    "message/list": (_, peer) => {
      setImmediate(() => void tell(peer));
      return { session: { id: "id-calm-otter", name: "calm-otter" }, messages: scene().messages ?? [] };
    },
  });
  context = contextFor(supervisor.endpoint);
}

const perform = () => subscribe(invocationOf("subscribe", "calm"), context);
const lines = () =>
  context
    .printed()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const told = () =>
  lines().map(({ type, to, activity, message: sent }) => to ?? activity ?? (sent as MessageView)?.state ?? type);

test("the session first, then each change, then the end; each with id and name", async () => {
  await follow({
    transitions: [transition(1, "PENDING")],
    changes: [
      asChange(transition(2, "RUNNING")),
      { type: "activity", at: at(3), activity: "idle" },
      { type: "message", at: at(4), message: message("queued") },
      { type: "message", at: at(5), message: message("delivered") },
      END,
    ],
  });
  expect(await perform()).toBe(0);
  expect(told()).toEqual(["session", "RUNNING", "idle", "queued", "delivered", "end"]);
  for (const line of lines()) expect(line).toMatchObject({ sessionId: "id-calm-otter", sessionName: "calm-otter" });
  expect(lines()[0]).toMatchObject({ session: { phase: "RUNNING" } });
  expect(lines().at(-1)).toMatchObject({ ...END });
});

test("over a lost connection no transition is lost, none told twice, and activity and messages are made good", async () => {
  const before = [transition(1, "PENDING"), transition(2, "RUNNING")];
  const missed = [transition(RESTARTED, "BACKOFF"), transition(4, "STARTING", 2), transition(5, "RUNNING", 2)];
  await follow(
    { transitions: before.slice(0, 1), messages: [message("queued")], changes: before.map(asChange), thenBreak: true },
    {
      transitions: [...before, ...missed],
      messages: [message("delivered")],
      activity: "idle",
      // The last of them is told as a change as well.
      changes: [...missed.slice(-1).map(asChange), asChange(transition(6, "COMPLETED", 2)), END],
    },
  );
  expect(await perform()).toBe(0);
  expect(told()).toEqual([
    "session",
    "RUNNING",
    "BACKOFF",
    "STARTING",
    "RUNNING",
    "idle",
    "delivered",
    "COMPLETED",
    "end",
  ]);
});

test("a session that is removed while nobody is connected", async () => {
  await follow({ transitions: [transition(1, "PENDING")], changes: [], thenBreak: true }, "removed");
  expect(await perform()).toBe(0);
  expect(told()).toEqual(["session", "removed"]);
});

test("one that does not exist is a fault", async () => {
  await follow("removed");
  await expect(perform()).rejects.toMatchObject({ fault: { code: "not-found" } });
  expect(context.printed()).toBe("");
});

test("a reader that goes away ends it", async () => {
  await follow({ transitions: [], changes: [asChange(transition(2, "RUNNING"))] });
  let written = 0;
  const gone: TestContext["out"] = {
    ...context.out,
    async write() {
      written += 1;
      if (written > 1) throw new ReaderGone();
    },
  };
  const reading = { ...context, out: gone };
  await expect(subscribe(invocationOf("subscribe", "calm"), reading)).rejects.toBeInstanceOf(ReaderGone);
  expect(written).toBe(2);
});
