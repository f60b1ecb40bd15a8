import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Injection,
  isLeftOut,
  isLoginVariable,
  refreshLoginVariables,
  sessionEnvironment,
} from "./environment.ts";

const injection: Injection = {
  sessionId: "abc",
  sessionName: "calm-otter",
  endpoint: "/run/session.sock",
  token: "secret",
  binFolder: "/home/versions/1/bin",
  pathDelimiter: ":",
  cwd: "/work",
};

describe("what a session does not inherit", () => {
  test.each([
    ["GIT_DIR", "a place of git"],
    ["GIT_INDEX_FILE", "a place of git"],
    ["TMUX", "the caller's terminal"],
    ["TERM_PROGRAM", "the caller's terminal"],
    ["VSCODE_GIT_IPC_HANDLE", "the caller's editor"],
    ["ELECTRON_RUN_AS_NODE", "the caller's editor"],
    ["CLAUDECODE", "an agent's marker"],
    ["CODEX_SANDBOX", "an agent's marker"],
    ["OVERMIND_HOME", "another Overmind"],
    ["OVERMIND_TOKEN", "another session"],
  ])("%s: %s", (name) => {
    expect(isLeftOut(name)).toBe(true);
    expect(sessionEnvironment({ [name]: "x" }, {}, injection)[name]).not.toBe("x");
  });

  test.each([
    "HOME",
    "LANG",
    "SSH_AUTH_SOCK",
    "ANTHROPIC_API_KEY",
    "GIT_AUTHOR_NAME",
    "GIT_SSH_COMMAND",
    "OVERMIND_PROCFILE",
  ])("%s stays", (name) => {
    expect(sessionEnvironment({ [name]: "x" }, {}, injection)[name]).toBe("x");
  });
});

test("what was asked for wins over the caller, what is injected over both", () => {
  const environment = sessionEnvironment(
    { A: "caller", PATH: "/bin" },
    { A: "asked", TERM: "dumb", OVERMIND_TOKEN: "forged" },
    injection,
  );
  expect(environment).toMatchObject({
    A: "asked",
    TERM: "dumb",
    OVERMIND_TOKEN: "secret",
    PATH: "/home/versions/1/bin:/bin",
    PWD: "/work",
  });
});

test("a caller that is a session gives its place in PATH to ours", () => {
  const caller = { OVERMIND_SESSION_ID: "parent", PATH: "/home/versions/0/bin:/usr/bin:/bin" };
  expect(sessionEnvironment(caller, {}, injection).PATH).toBe("/home/versions/1/bin:/usr/bin:/bin");
});

test("whatever the caller has, ours is in place and once in PATH", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ minLength: 1 }), fc.string()),
      fc.dictionary(fc.string({ minLength: 1 }), fc.string()),
      (caller, asked) => {
        const environment = sessionEnvironment(caller, asked, injection);
        expect(environment.OVERMIND_SESSION_ID).toBe("abc");
        expect(environment.PATH?.split(":").filter((folder) => folder === injection.binFolder)).toHaveLength(1);
        for (const name of Object.keys(caller)) {
          if (!isLeftOut(name) && !Object.hasOwn(asked, name) && name !== "PATH")
            expect(environment[name]).toBe(caller[name]);
        }
      },
    ),
  );
});

describe("what a login makes anew", () => {
  const held = { SSH_AUTH_SOCK: "/old/agent", DISPLAY: ":0", XDG_RUNTIME_DIR: "/old/run", HOME: "/home/me" };

  test("is replaced by what the present login has; what that lacks stays, and nothing is added", () => {
    const login = { SSH_AUTH_SOCK: "/new/agent", WAYLAND_DISPLAY: "wayland-1", XDG_RUNTIME_DIR: "/new/run" };
    expect(refreshLoginVariables(held, [], login)).toEqual({
      ...held,
      SSH_AUTH_SOCK: "/new/agent",
      XDG_RUNTIME_DIR: "/new/run",
    });
  });

  test("stays as it is when it was asked for by name", () => {
    const refreshed = refreshLoginVariables(held, ["SSH_AUTH_SOCK"], { SSH_AUTH_SOCK: "/new/agent", DISPLAY: ":1" });
    expect(refreshed).toEqual({ ...held, DISPLAY: ":1" });
  });

  test("is no other variable, whatever the login says of it", () => {
    expect(refreshLoginVariables(held, [], { HOME: "/home/other", PATH: "/bin" })).toEqual(held);
    expect(isLoginVariable("HOME")).toBe(false);
  });
});
