import { expect, test } from "vitest";
import { shortCommand } from "./short-command.ts";

test.each([
  ["node server.js", 60, "node server.js"],
  ["/usr/bin/node /a/b/c.mjs", 60, "/usr/bin/node /a/b/c.mjs"],
  [
    "/usr/bin/node /a/very/long/folder/of/a/project/that/is/deep/test/ignores-sigterm.mjs --x",
    40,
    "node ignores-sigterm.mjs --x",
  ],
  ["/usr/bin/env A=/one/two/three /usr/bin/tool", 30, "env A=three tool"],
  ["a//b /", 3, "a/…"],
  ["/very/long/folder/name/of-a-program-that-is-long", 12, "of-a-progra…"],
])("%s in %i columns", (command, columns, short) => {
  expect(shortCommand(command, columns)).toBe(short);
});
