import { expect, test } from "vitest";
import { chooseTarget } from "./endpoint.ts";

const facts = (environment: Record<string, string>) => ({ environment, platform: "linux", userHome: "/u", userId: 7 });
const SESSION = { OVERMIND_ENDPOINT: "/s.sock", OVERMIND_TOKEN: "t" };

test.each([
  ["nothing is set", {}, "/u/.local/state/overmind/run/main.sock"],
  ["a home is named", { OVERMIND_HOME: "/h" }, "/h/run/main.sock"],
  ["a home is named inside a session", { ...SESSION, OVERMIND_HOME: "/h" }, "/h/run/main.sock"],
  ["another program's socket is set", { OVERMIND_SOCKET: "/other.sock" }, "/u/.local/state/overmind/run/main.sock"],
  ["the endpoint is empty", { OVERMIND_ENDPOINT: "" }, "/u/.local/state/overmind/run/main.sock"],
])("the home's main socket when %s", (_, environment: Record<string, string>, endpoint) => {
  const target = chooseTarget(facts(environment));
  expect(target.kind === "home" && target.layout.mainEndpoint).toBe(endpoint);
});

test.each([
  ["the session's variables are set", SESSION, "t"],
  ["OVERMIND_HOME is empty beside them", { ...SESSION, OVERMIND_HOME: "" }, "t"],
  ["the token is missing, which the supervisor then says", { OVERMIND_ENDPOINT: "/s.sock" }, ""],
])("the session's socket when %s", (_, environment: Record<string, string>, token) => {
  expect(chooseTarget(facts(environment))).toEqual({ kind: "session", endpoint: "/s.sock", token });
});
