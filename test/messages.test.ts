/** Messages, whole: what is typed is what a real program reads, once and in order, whoever dies meanwhile. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MessageView, SessionView } from "../schemas/session-view.ts";
import { connect } from "../supervisor/client/connection.ts";
import { DIST, FIXTURES, makeWorld, type Ran, until, type World } from "./harness/world.ts";

/** Deaths of the supervisor, each a little later in a delivery than the one before. */
const KILL_ROUNDS = 40;
const KILL_STEP_MS = 6;
/** core/plan-messages.ts: what never falls silent gets its message after so long. */
const RAW_PATIENCE_MS = 10_000;

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.close());

const node = process.execPath;
const fileOf = (name: string) => join(world.root, `${name}.hex`);

/** Runs the recording program as a session, and returns once it reads and has fallen silent, if it ever does. */
async function record(name: string, ...wishes: string[]): Promise<void> {
  const argv = [node, join(FIXTURES, "records-input.mjs"), fileOf(name), ...wishes];
  await world.must("run", "--name", name, "--scratch", "--", ...argv);
  const seen = wishes.includes("noisy") ? "working" : "idle";
  await until(async () => existsSync(fileOf(name)) && (await sessionNamed(name)).activity === seen, `${name} to read`);
}

/** What the program has read. */
function bytesOf(name: string): string {
  return Buffer.from(readFileSync(fileOf(name), "utf8").replaceAll("\n", ""), "hex").toString("utf8");
}

const sessionNamed = async (name: string) =>
  (await world.json<{ session: SessionView }>("describe", name, "--json")).session;
const messagesOf = async (name: string) =>
  (await world.json<{ messages: MessageView[] }>("messages", name, "--json")).messages;
const statesOf = async (name: string) => (await messagesOf(name)).map(({ state }) => state);
const allSettled = (name: string, state: MessageView["state"] = "delivered") =>
  until(async () => (await statesOf(name)).every((one) => one === state), `all messages of ${name} to be ${state}`);

function overmindWithInput(input: string, ...argv: string[]): Promise<Ran> {
  const child = spawn(node, [join(DIST, "overmind.cjs"), ...argv], { cwd: world.project, env: world.environment });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  // A command that refuses its input before the end closes it: that is what is looked at.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

describe("what is typed", () => {
  test("a program that asked for bracketed paste gets one, and Enter behind it", async () => {
    await record("pasting", "paste");
    const sent = await world.overmind("send", "pasting", "one\ntwo ü 世");
    expect(sent).toEqual({ code: 0, stdout: "delivered to pasting\n", stderr: "" });
    await until(() => bytesOf("pasting").endsWith("\r"), "the Enter to be read");
    expect(bytesOf("pasting")).toBe("\x1b[200~one\rtwo ü 世\x1b[201~\r");
    expect(await world.must("logs", "pasting")).toContain("-- overmind: message from the user: one two ü 世");
  });

  test("a program that did not ask gets the text as it is", async () => {
    await record("plain");
    await world.must("send", "plain", "one\ntwo");
    await until(() => bytesOf("plain").endsWith("two\r"), "the Enter to be read");
    expect(bytesOf("plain")).toBe("one\rtwo\r");
  });

  test("keys are pressed one by one in the program's own cursor mode, and no Enter is", async () => {
    await record("keys", "cursor");
    await world.must("send", "keys", "y", "--key", "up", "--key", "ctrl-c", "--key", "escape", "--key", "enter");
    await until(() => bytesOf("keys").endsWith("\r"), "the keys to be read");
    expect(bytesOf("keys")).toBe("y\x1bOA\x03\x1b\r");
  });

  test("a message from standard input is typed without its last line's end", async () => {
    await record("input", "paste");
    const text = `${"a long line of text ".repeat(2000)}\nend`;
    expect(await overmindWithInput(`${text}\n`, "send", "input", "-")).toMatchObject({ code: 0, stderr: "" });
    await until(() => bytesOf("input").endsWith("\x1b[201~\r"), "the paste to be read");
    expect(bytesOf("input")).toBe(`\x1b[200~${text.replace("\n", "\r")}\x1b[201~\r`);
  });

  test("on pipes it is a line, and keys are refused", async () => {
    const client = await connect(world.layout.mainEndpoint, { clientName: "messages test" });
    const argv = [node, join(FIXTURES, "records-input.mjs"), fileOf("piped")];
    const callerEnvironment = { PATH: process.env.PATH ?? "" };
    const run = { argv, folder: world.project, name: "piped", scratch: true, callerEnvironment } as const;
    await client.request("session/run", { ...run, stdio: "pipes" });
    client.close();
    await world.must("send", "piped", "one\ntwo");
    await until(() => bytesOf("piped") !== "", "the line to be read");
    expect(bytesOf("piped")).toBe("one\ntwo\n");
    expect(await world.overmind("send", "piped", "--key", "enter")).toMatchObject({ code: 2 });
  });
});

describe("when it is typed", () => {
  test("a working program gets it after ten seconds, with it what stands behind, and --now at once", async () => {
    await record("noisy", "noisy");
    await world.must("send", "noisy", "first", "--no-wait");
    expect(await world.must("send", "noisy", "urgent", "--now")).toBe("delivered to noisy\n");
    expect(await statesOf("noisy")).toEqual(["queued", "delivered"]);
    const half = Date.parse((await messagesOf("noisy"))[0]?.createdAt ?? "") + RAW_PATIENCE_MS / 2;
    await until(() => Date.now() > half, "half of the patience to pass");
    const second = await world.json<{ message: MessageView }>("send", "noisy", "second", "--json");
    expect(second.message.state).toBe("delivered");
    const waitedMs = (message?: MessageView) =>
      Date.parse(message?.deliveredAt ?? "") - Date.parse(message?.createdAt ?? "");
    const [first] = await messagesOf("noisy");
    expect(waitedMs(first)).toBeGreaterThanOrEqual(RAW_PATIENCE_MS);
    expect(waitedMs(second.message), "it did not wait for ten seconds of its own").toBeLessThan(RAW_PATIENCE_MS);
    await until(() => bytesOf("noisy").endsWith("second\r"), "all to be read");
    expect(bytesOf("noisy")).toBe("urgent\rfirst\rsecond\r");
  });

  test("a burst goes out whole and in order, although each makes an echo", async () => {
    const copy = join(world.root, "echo.txt");
    await world.must("run", "--name", "echo", "--scratch", "--", "tee", copy);
    const texts = Array.from({ length: 12 }, (_, index) => `number ${index}`);
    for (const text of texts) await world.must("send", "echo", text, "--no-wait");
    await allSettled("echo");
    await until(() => readFileSync(copy, "utf8").includes("number 11\n"), "the last to be read");
    expect(readFileSync(copy, "utf8")).toBe(texts.map((text) => `${text}\n`).join(""));
  });

  test("in BACKOFF it waits for the next start", async () => {
    const mark = join(world.root, "started-once");
    const program = `${JSON.stringify(node)} ${JSON.stringify(join(FIXTURES, "records-input.mjs"))} ${JSON.stringify(fileOf("again"))}`;
    const script = join(world.root, "again.sh");
    writeFileSync(
      script,
      `if [ -e ${JSON.stringify(mark)} ]; then exec ${program}; fi\n: > ${JSON.stringify(mark)}\nexit 1\n`,
    );
    const policy = ["--restart", "on-failure", "--backoff", "6s"];
    await world.must("run", "--name", "again", "--scratch", ...policy, "--", "sh", script);
    await until(async () => (await sessionNamed("again")).phase === "BACKOFF", "the first start to fail");
    expect(await world.must("send", "again", "--no-wait", "hello")).toContain(
      "queued for again: it waits until again runs",
    );
    expect((await sessionNamed("again")).queuedMessages).toBe(1);
    await allSettled("again");
    await until(() => existsSync(fileOf("again")) && bytesOf("again").endsWith("\r"), "it to be read");
    expect(bytesOf("again")).toBe("hello\r");
    expect((await sessionNamed("again")).queuedMessages).toBe(0);
  });
});

describe("whoever dies", () => {
  test(`${KILL_ROUNDS} deaths of the supervisor, each at another step of a delivery: each message once, in order`, {
    timeout: 300_000,
  }, async () => {
    await record("storm", "paste");
    const texts: string[] = [];
    for (let round = 0; round < KILL_ROUNDS; round += 1) {
      const before = [`${round} before`, `${round} behind`];
      for (const text of before) await world.must("send", "storm", text, "--no-wait");
      const pid = world.supervisorPid();
      const sending = world.overmind("send", "storm", `${round} awaited`);
      texts.push(...before, `${round} awaited`);
      await new Promise((wake) => setTimeout(wake, round * KILL_STEP_MS));
      await world.kill(pid);
      expect(await sending, `round ${round}`).toMatchObject({ code: 0, stdout: "delivered to storm\n", stderr: "" });
    }
    await allSettled("storm");
    const expected = texts.map((text) => `\x1b[200~${text}\x1b[201~\r`).join("");
    await until(() => bytesOf("storm").length >= expected.length, "all to be read");
    expect(bytesOf("storm")).toBe(expected);
    const log = (await world.must("logs", "storm")).split("\n");
    const markers = log.flatMap((line) => /^-- overmind: message from the user: (.*) \(/.exec(line)?.[1] ?? []);
    expect(markers, "each has one marker").toEqual(texts);
  });

  test("a queue is typed by the next supervisor", async () => {
    await record("queue", "noisy");
    for (const text of ["one", "two", "three"]) await world.must("send", "queue", text, "--no-wait");
    await world.kill(world.supervisorPid());
    expect(await statesOf("queue")).toEqual(["queued", "queued", "queued"]);
    await world.must("supervisor", "restart");
    await allSettled("queue");
    await until(() => bytesOf("queue").endsWith("three\r"), "all to be read");
    expect(bytesOf("queue")).toBe("one\rtwo\rthree\r");
  });

  test("a process host that dies in the middle leaves it unconfirmed: exit code 6", async () => {
    await record("halved");
    // The pauses behind them take seconds: the host is killed within them.
    const keys = Array.from({ length: 90 }, () => ["--key", "escape"]).flat();
    const sending = world.overmind("send", "halved", "begun", ...keys);
    await until(() => bytesOf("halved").startsWith("begun\x1b"), "the first keys to be read");
    await world.kill(world.hostPid());
    const sent = await sending;
    expect(sent).toMatchObject({ code: 6, stdout: "" });
    expect(sent.stderr).toContain("unconfirmed: whether halved got the message is not known: its process host died");
    expect(bytesOf("halved").length).toBeLessThan("begun".length + 90);
    expect(await messagesOf("halved")).toMatchObject([{ state: "unconfirmed", attempt: 1, deliveredAt: null }]);
  });
});

describe("exit codes", () => {
  test("0 queued, 124 timed out and still queued, 1 failed with the reason", async () => {
    await record("held", "noisy");
    expect(await world.overmind("send", "held", "no wait", "--no-wait")).toMatchObject({
      code: 0,
      stdout: "queued for held: it waits until held is idle\n",
    });
    expect(await world.overmind("send", "held", "timed", "--timeout", "100ms")).toMatchObject({
      code: 124,
      stdout: "",
      stderr: "timed out: the message stays queued for held: it waits until held is idle\n",
    });
    expect(await statesOf("held")).toEqual(["queued", "queued"]);
    const waiting = world.overmind("send", "held", "waits");
    await until(async () => (await messagesOf("held")).length === 3, "the third to be queued");
    await world.must("kill", "held");
    const failed = await waiting;
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toMatch(/^failed: held did not get the message: the session has ended: STOPPED/);
    expect(await statesOf("held")).toEqual(["failed", "failed", "failed"]);
    expect(bytesOf("held")).toBe("");
    const ended = await world.overmind("send", "held", "too late");
    expect(ended).toMatchObject({ code: 4, stdout: "" });
    expect(ended.stderr).toMatch(/held has ended: it is STOPPED\n.*overmind restart held/);
  });

  test.each([
    [3, ["send", "nobody", "hi"]],
    [3, ["messages", "nobody"]],
    [3, ["interrupt", "nobody"]],
    [2, ["send"]],
    [2, ["send", "refusing"]],
    [2, ["send", "refusing", "\x1b[31mred"]],
    [2, ["send", "refusing", "--key", "entr"]],
    [2, ["send", "refusing", "hi", "--wait", "--no-wait"]],
  ])("%i: overmind %j", async (code, argv) => {
    if (!existsSync(fileOf("refusing"))) await record("refusing");
    expect(await world.overmind(...argv)).toMatchObject({ code, stdout: "" });
    expect(await statesOf("refusing")).toEqual([]);
  });
});

test("--wait prints what came of it, and nothing else", async () => {
  const script = join(world.root, "answers.sh");
  writeFileSync(script, 'while read -r line; do sleep 0.3; echo "you said $line"; done\n');
  await world.must("run", "--name", "answers", "--scratch", "--", "sh", script);
  expect(await world.overmind("send", "answers", "--wait", "hello")).toEqual({
    code: 0,
    stdout: "you said hello\n",
    stderr: "",
  });
  const told = await world.json<{ output: string[] }>("send", "answers", "--wait", "--json", "again");
  expect(told.output).toEqual(["you said again"]);
});

test("interrupt presses Ctrl-C in the foreground program", async () => {
  const script = join(world.root, "trap.sh");
  writeFileSync(script, "trap 'exit 7' INT\necho armed\nwhile :; do sleep 0.1; done\n");
  await world.must("run", "--name", "trap", "--scratch", "--", "sh", script);
  await until(async () => (await world.must("logs", "trap")).includes("armed"), "the trap to be armed");
  await world.must("interrupt", "trap");
  expect((await world.overmind("wait", "trap")).code).toBe(7);
});

test("a session messages its descendants and nobody else, itself included", async () => {
  await record("stranger");
  const script = join(world.root, "parent.sh");
  const child = `"${node}" "${join(FIXTURES, "records-input.mjs")}" "${fileOf("child")}"`;
  const say = (name: string) => `overmind send ${name} hello; echo ${name}=$?`;
  const commands = [`overmind run --scratch --name child -- ${child}`, say("child"), say("stranger"), say("parent")];
  writeFileSync(
    script,
    `${commands.join("\n")}\novermind messages child\novermind interrupt stranger; echo interrupt=$?\n`,
  );
  await world.must("run", "--name", "parent", "--", "sh", script);
  await until(async () => (await world.must("logs", "parent")).includes("interrupt="), "the script to end");
  const log = await world.must("logs", "parent");
  expect(log).toContain("delivered to child");
  expect(log).toContain("child=0");
  expect(log).toContain("stranger=1");
  expect(log).toContain("parent=1");
  expect(log).toContain("interrupt=1");
  expect(log).toMatch(/delivered +\S+ +session parent +hello/);
  expect(bytesOf("child")).toBe("hello\r");
  expect(await messagesOf("stranger")).toEqual([]);
});
