/** Every file of the repository that is generated from schemas/. scripts/generate.mjs writes and checks them. */
import * as z from "zod";
import { cliReference, jsonSchemaPath } from "./cli-reference.ts";
import type { CommandName } from "./commands.ts";
import { type JsonOutput, jsonOutputs } from "./json-output.ts";
import { settingsSchema } from "./settings.ts";

export interface GeneratedFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export function generatedFiles(): GeneratedFile[] {
  const outputs = Object.entries(jsonOutputs) as [CommandName, JsonOutput][];
  return [
    ...outputs.map(([name, output]) => ({
      path: jsonSchemaPath(name),
      text: schemaText(
        output.schema,
        `What \`overmind ${name} --json\` prints${output.lines === true ? ", one object a line" : ""}.`,
        "output",
      ),
    })),
    {
      path: "schemas/json/settings.schema.json",
      text: schemaText(settingsSchema, "The user's settings file, settings.json under OVERMIND_HOME.", "input"),
    },
    { path: "docs/cli.md", text: cliReference() },
  ];
}

function schemaText(schema: z.ZodType, description: string, io: "input" | "output"): string {
  const json = z.toJSONSchema(schema, { io, override: ({ jsonSchema }) => io === "output" && allowMore(jsonSchema) });
  return `${JSON.stringify({ description, ...json }, null, 2)}\n`;
}

/** Output may grow: whoever checks it by today's schema must take what a later version adds. */
function allowMore(schema: { additionalProperties?: unknown }): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
}
