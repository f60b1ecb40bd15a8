/** overmind config get, set and list. */
import { FaultError, type Result } from "../../../schemas/fault.ts";
import type { SettingView } from "../../../schemas/json-output.ts";
import { formatBytes } from "../../../schemas/text/bytes.ts";
import { plain } from "../../../schemas/text/plain.ts";
import { renderTable } from "../../../schemas/text/table.ts";
import type { CliContext } from "../context.ts";
import { printJson } from "../output/json.ts";
import { hint } from "../output/report.ts";
import type { Invocation } from "../parse.ts";
import { usageError } from "../values.ts";

export async function configGet({ flags, operands }: Invocation<"config get">, context: CliContext): Promise<number> {
  const { getSetting } = await import("../settings-file.ts");
  const setting = settled(getSetting(context.layout.settings, operands[0] ?? ""));
  if (flags.json) await printJson(context.out, "config get", setting);
  else await context.out.write(`${plain(String(setting.value))}\n`);
  return 0;
}

export async function configSet({ flags, operands }: Invocation<"config set">, context: CliContext): Promise<number> {
  if (!flags.user)
    throw usageError("--user is missing: it names the file that is changed", "overmind config set NAME VALUE --user");
  const [name = "", text = ""] = operands;
  const { setSetting } = await import("../settings-file.ts");
  const setting = settled(setSetting(context.layout.settings, name, text));
  await context.out.write(`${setting.name} = ${plain(String(setting.value))}\n`);
  await reload(context);
  return 0;
}

/** A supervisor that does not run reads the file when it starts. */
async function reload(context: CliContext): Promise<void> {
  const connection = await context.connectIfRunning();
  if (connection === undefined) return;
  try {
    await connection.request("settings/reload", {});
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    await hint(
      context.err,
      `the running supervisor did not take it over (${error.fault.message}): overmind supervisor restart`,
    );
  } finally {
    connection.close();
  }
}

export async function configList({ flags }: Invocation<"config list">, context: CliContext): Promise<number> {
  const { listSettings } = await import("../settings-file.ts");
  const file = context.layout.settings;
  const settings = settled(listSettings(file));
  if (flags.json) {
    await printJson(context.out, "config list", { file, settings: [...settings] });
    return 0;
  }
  const { style } = context.out;
  const rows = settings.map((setting) => [
    { text: setting.name, shown: style.bold(setting.name) },
    { text: shownValue(setting) },
    {
      text: `${setting.description}${setting.value === setting.default ? "" : ` (default ${String(setting.default)})`}`,
    },
  ]);
  await context.out.write(`${style.dim(file)}\n${renderTable(rows)}`);
  return 0;
}

function shownValue({ name, value }: SettingView): string {
  const text = plain(String(value));
  return name.endsWith("Bytes") && typeof value === "number" ? `${text} (${formatBytes(value)})` : text;
}

function settled<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new FaultError(result.fault);
}
