/**
 * Reads and changes the user's settings file by its schema. The one part of the command line that needs zod: it is a
 * bundle of its own (dist/settings.cjs), which `overmind config` alone loads.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { SettingView } from "../../schemas/json-output.ts";
import { nearestWord } from "../../schemas/nearest.ts";
import { SETTING_NAMES, settingsSchema } from "../../schemas/settings.ts";
import { parseSettingText } from "./setting-text.ts";

type Given = Readonly<Record<string, unknown>>;

export function listSettings(path: string): Result<readonly SettingView[]> {
  const read = readGiven(path);
  if (!read.ok) return read;
  const checked = check(path, read.value);
  if (!checked.ok) return checked;
  const defaults = settingsSchema.parse({});
  return ok(
    SETTING_NAMES.map((name) => ({
      name,
      value: checked.value[name],
      default: defaults[name],
      description: settingsSchema.shape[name].description ?? "",
    })),
  );
}

export function getSetting(path: string, name: string): Result<SettingView> {
  const listed = listSettings(path);
  if (!listed.ok) return listed;
  const found = listed.value.find((setting) => setting.name === name);
  return found === undefined ? unknownSetting(name) : ok(found);
}

/** Everything else in the file stays as it is. */
export function setSetting(path: string, name: string, text: string): Result<SettingView> {
  if (!SETTING_NAMES.some((known) => known === name)) return unknownSetting(name);
  const read = readGiven(path);
  if (!read.ok) return read;
  const isText = typeof settingsSchema.parse({})[name as keyof typeof settingsSchema.shape] === "string";
  const value = isText ? text : parseSettingText(name, text);
  const next = { ...read.value, [name]: value };
  const checked = check(path, next);
  if (!checked.ok) return failed({ ...checked.fault, hint: "overmind config list --user shows what can be set" });
  write(path, next);
  return getSetting(path, name);
}

function readGiven(path: string): Result<Given> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ok({});
    return failed(
      fault("failed", `cannot read ${path}: ${messageOf(error)}`, { hint: "check the file's owner and mode" }),
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return ok(value as Given);
    return failed(fault("usage", `${path} is no JSON object`, { hint: "mend it, or remove it for the defaults" }));
  } catch (error) {
    return failed(
      fault("usage", `${path} is no JSON: ${messageOf(error)}`, { hint: "mend it, or remove it for the defaults" }),
    );
  }
}

function check(path: string, given: Given) {
  const parsed = settingsSchema.safeParse(given);
  if (parsed.success) return ok(parsed.data);
  const issues = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the file"}: ${issue.message}`);
  return failed(fault("usage", issues.join("; "), { hint: `mend ${path}` }));
}

function unknownSetting(name: string) {
  const near = nearestWord(name, SETTING_NAMES);
  return failed(
    fault("usage", `there is no setting ${JSON.stringify(name)}`, {
      hint: near === undefined ? "overmind config list --user shows all" : `did you mean ${near}?`,
    }),
  );
}

function write(path: string, settings: Given): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
