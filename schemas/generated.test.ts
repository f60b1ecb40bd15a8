import { expect, test } from "vitest";
import * as z from "zod";
import { COMMAND_NAMES, commandNamed } from "./commands.ts";
import { generatedFiles } from "./generated.ts";
import { jsonOutputs } from "./json-output.ts";
import { sessionView } from "./text/session-views.fake.ts";

test("every command that has --json has a schema, and no other", () => {
  const withFlag = COMMAND_NAMES.filter((name) => "json" in commandNamed(name).flags);
  expect(Object.keys(jsonOutputs).sort()).toEqual([...withFlag].sort());
});

test("the files: a schema a command, the settings and the reference, each once", () => {
  const files = generatedFiles();
  const paths = files.map((file) => file.path);
  expect(new Set(paths).size).toBe(paths.length);
  expect(paths).toContain("schemas/json/supervisor-status.schema.json");
  expect(paths).toContain("schemas/json/settings.schema.json");
  for (const { path, text } of files.filter((file) => file.path.endsWith(".json"))) {
    expect(JSON.parse(text), path).toMatchObject({ description: expect.any(String) as string });
  }
  const reference = files.find((file) => file.path === "docs/cli.md")?.text ?? "";
  for (const name of COMMAND_NAMES) {
    expect(reference).toContain(`## overmind ${name}\n`);
    for (const flag of Object.keys(commandNamed(name).flags)) expect(reference).toContain(`--${flag}`);
  }
});

test("a reader of today's output accepts tomorrow's, which may hold more", () => {
  const run = generatedFiles().find((file) => file.path === "schemas/json/run.schema.json");
  const schema = z.fromJSONSchema(JSON.parse(run?.text ?? "{}") as Parameters<typeof z.fromJSONSchema>[0]);
  expect(schema.safeParse({ session: { ...sessionView(), more: 1 }, warnings: [], more: 2 })).toMatchObject({
    success: true,
  });
  expect(schema.safeParse({ session: { ...sessionView(), phase: "ASLEEP" }, warnings: [] })).toMatchObject({
    success: false,
  });
});
