/**
 * `npm run quickstart`: the main job on a small real repository, in a home of its own, in less than a minute. Four
 * sessions: a command that ends, a program that is talked to, one whose supervisor is killed under it, and one that
 * gets a message from elsewhere, crashes and heals.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DIST } from "./source-state.mjs";

const root = realpathSync(mkdtempSync(join(tmpdir(), "overmind-quickstart-")));
const home = join(root, "home");
const project = join(root, "project");
/** @type {NodeJS.ProcessEnv} */
const environment = { ...process.env, OVERMIND_HOME: home };
for (const name of ["OVERMIND_ENDPOINT", "OVERMIND_TOKEN", "OVERMIND_SESSION_ID", "OVERMIND_SESSION_NAME"]) {
  delete environment[name];
}
const terminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
if (terminal) environment.FORCE_COLOR = "1";

/** A program that is talked to: answers each line, ends on `bye`. */
const PARROT =
  'echo "hello, who are you?"; while read -r line; do [ "$line" = bye ] && exit 0; echo "nice to meet you, $line"; done';
/** A program that works for a while and does not care who watches. */
const WORKER = "for step in 1 2 3 4 5 6; do echo step $step of 6; sleep 0.5; done";

/** A program that crashes when it is told to, and says how often it has been started. */
const PHOENIX =
  'echo x >> .lives; echo "life $(wc -l < .lives | tr -d " ") begins"; while read -r line; do [ "$line" = crash ] && exit 3; echo "heard: $line"; done';

/** @param {string} text */
const say = (text) => console.log(terminal ? `\n\x1b[1m${text}\x1b[0m` : `\n${text}`);

/**
 * Runs a command as a person would, showing it and what it prints.
 * @param {string[]} argv
 */
function show(...argv) {
  console.log(`$ overmind ${argv.map((part) => (/^[\w./:=-]+$/.test(part) ? part : `'${part}'`)).join(" ")}`);
  const text = overmind(...argv);
  process.stdout.write(text);
  return text.trim();
}

/** @param {string[]} argv */
function overmind(...argv) {
  return execFileSync(process.execPath, [join(DIST, "overmind.cjs"), ...argv], {
    cwd: project,
    env: environment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** @param {string[]} argv */
function git(...argv) {
  execFileSync("git", ["-c", "user.name=Quickstart", "-c", "user.email=quickstart@example.com", ...argv], {
    cwd: project,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/**
 * Talks to a session as `overmind run --attach` does: its lines go in, its output comes out.
 * @param {string[]} argv
 * @param {[expect: string, answer: string][]} talk
 * @returns {Promise<number>} the session's own exit code
 */
function talkTo(argv, talk) {
  console.log(`$ overmind ${argv.slice(0, -1).join(" ")} '...'`);
  const child = spawn(process.execPath, [join(DIST, "overmind.cjs"), ...argv], {
    cwd: project,
    env: environment,
    stdio: ["pipe", "pipe", "inherit"],
  });
  let seen = "";
  child.stdout.on("data", (bytes) => {
    process.stdout.write(bytes);
    seen += bytes;
    const next = talk[0];
    if (next === undefined || !seen.includes(next[0])) return;
    talk.shift();
    child.stdin.write(`${next[1]}\n`);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve(code ?? 1)));
}

/** @param {string} name */
function reasons(name) {
  console.log(`why ${name} came to be as it is:`);
  const { transitions } = JSON.parse(overmind("describe", name, "--json"));
  for (const { at, from, to, reason } of transitions) {
    console.log(`  ${at.slice(11, 23)}  ${(from ?? "-").padEnd(9)} -> ${to.padEnd(9)}  ${reason}`);
  }
}

async function main() {
  execFileSync("git", ["init", "--quiet", "--initial-branch", "main", project]);
  writeFileSync(join(project, "README.md"), "A small project\n");
  git("add", ".");
  git("commit", "--quiet", "--message", "first commit");

  say("1. A command that ends, in a worktree of its own");
  const oneShot = show(
    "run",
    "--name",
    "one-shot",
    "--",
    "sh",
    "-c",
    "echo working in $(pwd); git branch --show-current",
  );
  show("wait", oneShot);
  show("logs", oneShot);
  reasons(oneShot);

  say("2. A program that is talked to");
  const code = await talkTo(
    ["run", "--name", "parrot", "--attach", "--", "sh", "-c", PARROT],
    [
      ["who are you?", "Ada"],
      ["meet you, Ada", "bye"],
    ],
  );
  if (code !== 0) throw new Error(`the parrot ended with ${code}`);
  reasons("parrot");

  say("3. A program whose supervisor is killed under it (SIGKILL)");
  const worker = show("run", "--name", "worker", "--", "sh", "-c", WORKER);
  await logsShow(worker, "step 2");
  show("ps");
  const { pid } = JSON.parse(readFileSync(join(home, "supervisor.json"), "utf8"));
  process.kill(pid, "SIGKILL");
  console.log(`(supervisor ${pid} is dead; the worker does not notice)`);
  show("ps");
  const now = JSON.parse(readFileSync(join(home, "supervisor.json"), "utf8")).pid;
  console.log(`(supervisor ${now} took over)`);
  show("wait", worker);
  reasons(worker);

  say("4. A program that gets a message from elsewhere, crashes and heals");
  const phoenix = show(
    "run",
    "--name",
    "phoenix",
    "--restart",
    "on-failure",
    "--backoff",
    "300ms",
    "--",
    "sh",
    "-c",
    PHOENIX,
  );
  await logsShow(phoenix, "life 1 begins");
  show("send", phoenix, "good morning");
  await logsShow(phoenix, "heard: good morning");
  show("send", "--now", phoenix, "crash");
  await logsShow(phoenix, "life 2 begins");
  show("messages", phoenix);
  show("logs", phoenix);
  reasons(phoenix);

  say("All logs, each line tagged with its session");
  show("logs", "--no-follow");
  show("ps", "-a");
  const lines = overmind("logs", worker)
    .split("\n")
    .filter((line) => line.startsWith("step"));
  if (lines.length !== 6) throw new Error(`the worker's log holds ${lines.length} of 6 steps`);
}

/**
 * @param {string} name
 * @param {string} text
 */
async function logsShow(name, text) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (overmind("logs", name).includes(text)) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`the log of ${name} never showed "${text}"`);
}

const startedAt = performance.now();
let failure;
try {
  await main();
} catch (error) {
  failure = error;
}
say("Cleaning up: sessions, supervisor and everything they made");
try {
  show("supervisor", "stop", "--sessions");
} catch (error) {
  failure ??= error;
}
rmSync(root, { recursive: true, force: true });
if (failure !== undefined) {
  console.error(failure);
  process.exitCode = 1;
} else {
  console.log(`\ndone in ${((performance.now() - startedAt) / 1000).toFixed(1)} s. Next, in a repository of yours:`);
  console.log("  npx overmind run -- claude          (or codex, or any command)");
  console.log("  npx overmind ps && npx overmind logs -f");
}
