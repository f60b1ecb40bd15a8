/** The user's settings file: read as a whole, checked by its schema, each fault named. */
import { readFile } from "node:fs/promises";
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { type Settings, settingsSchema } from "../../schemas/settings.ts";

/** The defaults when there is no file. `usage` when it is no JSON or says something that the schema does not know. */
export async function readSettings(path: string): Promise<Result<Settings>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ok(settingsSchema.parse({}));
    return failed(
      fault("usage", `cannot read ${path}: ${(error as Error).message}`, { hint: "check the file's owner and mode" }),
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return failed(
      fault("usage", `${path} is no JSON: ${(error as Error).message}`, {
        hint: "mend it, or remove it for the defaults",
      }),
    );
  }
  const parsed = settingsSchema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const issues = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the file"}: ${issue.message}`);
  return failed(
    fault("usage", `${path}: ${issues.join("; ")}`, { hint: "overmind config list --user shows what can be set" }),
  );
}
