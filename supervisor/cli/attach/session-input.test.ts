import { afterEach, expect, test, vi } from "vitest";
import type { Params } from "../../../schemas/client-protocol.ts";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { sessionView } from "../../../schemas/text/session-views.fake.ts";
import { contextFor, type Peer, type ScriptedSupervisor, scriptedSupervisor } from "../scripted-supervisor.fake.ts";
import { Attachment } from "./attachment.ts";
import { inputPump } from "./input-pump.ts";

let supervisor: ScriptedSupervisor | undefined;
afterEach(() => supervisor?.close());

type Take = (input: Params<"session/input">, peer: Peer) => Promise<void> | void;

async function attached(take: Take, { dropsWhileOver = true } = {}) {
  let attachments = 0;
  supervisor = await scriptedSupervisor({
    "session/attach": () => {
      attachments += 1;
      return {
        attachment: attachments,
        session: sessionView(),
        attempt: 1,
        offset: 0,
        columns: 80,
        rows: 24,
        screen: "",
        held: "",
        at: 0,
      };
    },
    "session/input": async (input, peer) => {
      // The place of a connection that is gone is nobody's.
      expect(input.attachment).toBe(attachments);
      await take(input, peer);
      return {};
    },
  });
  const context = contextFor(supervisor.endpoint);
  const attachment = new Attachment({ session: "id", readOnly: false, dropsWhileOver });
  const open = async (): Promise<void> => {
    const connection = await context.link.current();
    await attachment.open(connection);
    connection.lost.then(open).catch(() => {}); // At the end of the test nobody answers any more.
  };
  const pump = inputPump(async (piece, isReply) => attachment.send(piece, isReply));
  return { context, attachment, pump, open };
}

test("arrives in order and once, whatever is busy or breaks", async () => {
  let got = "";
  let calls = 0;
  const { pump, open, context } = await attached(async ({ bytes }, peer) => {
    calls += 1;
    if (calls % 3 === 0) throw new FaultError(fault("busy", "it does not read", { retryable: true }));
    await new Promise((wake) => setImmediate(wake));
    got += Buffer.from(bytes, "base64").toString();
    // The answer is lost: it may not be sent again.
    if (calls % 4 === 0) peer.destroy();
  });
  await open();
  let sent = "";
  for (let index = 0; index < 40; index += 1) {
    sent += `${index},`;
    await pump.push(Buffer.from(`${index},`));
    if (index % 5 === 0) await new Promise((wake) => setImmediate(wake));
  }
  await vi.waitFor(() => expect(got).toBe(sent), { timeout: 10_000 });
  context.link.close();
});

test("what is typed before there is a session to take it waits for it", async () => {
  const got: string[] = [];
  const { pump, open, context } = await attached(({ bytes }) => void got.push(Buffer.from(bytes, "base64").toString()));
  await pump.push(Buffer.from("a"));
  await pump.push(Buffer.from("b"));
  await open();
  await pump.sent();
  expect(got.join("")).toBe("ab");
  context.link.close();
});

test("a terminal's answers keep their place among the keys, and are marked", async () => {
  const got: unknown[] = [];
  const { pump, open, context } = await attached(
    ({ bytes, reply }) => void got.push([Buffer.from(bytes, "base64").toString(), reply]),
  );
  await pump.push(Buffer.from("a"));
  await pump.push(Buffer.from("\x1b[?62c"), true);
  await pump.push(Buffer.from("b"));
  await open();
  await pump.sent();
  expect(got).toEqual([
    ["a", undefined],
    ["\x1b[?62c", true],
    ["b", undefined],
  ]);
  context.link.close();
});

test.each([
  ["keys are dropped", true, "b"],
  ["nothing of a file is", false, "ab"],
])("between two attempts %s", async (_, dropsWhileOver, expected) => {
  let got = "";
  const { pump, open, attachment, context } = await attached(
    ({ bytes }) => {
      got += Buffer.from(bytes, "base64").toString();
    },
    { dropsWhileOver },
  );
  await open();
  attachment.over();
  await pump.push(Buffer.from("a"));
  if (dropsWhileOver) await pump.sent();
  expect(attachment.goOn()).toBe(true);
  await pump.push(Buffer.from("b"));
  await pump.sent();
  expect(got).toBe(expected);
  context.link.close();
});

test("what is typed at a program that is just starting arrives", async () => {
  let got = "";
  let refusals = 2;
  const { pump, open, context } = await attached(({ bytes }) => {
    refusals -= 1;
    if (refusals >= 0) throw new FaultError(fault("conflict", "it does not run: it is STARTING"));
    got += Buffer.from(bytes, "base64").toString();
  });
  await open();
  await pump.push(Buffer.from("a"));
  await pump.sent();
  expect(got).toBe("a");
  context.link.close();
});

test("a session that will never take any says so at the next piece", async () => {
  const { pump, open, context } = await attached(() => {
    throw new FaultError(fault("not-permitted", "not for you"));
  });
  await open();
  await pump.push(Buffer.from("a"));
  await vi.waitFor(() => expect(pump.push(Buffer.from("b"))).rejects.toThrow("not for you"));
  context.link.close();
});
