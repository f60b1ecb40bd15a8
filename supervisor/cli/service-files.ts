/** The files that make a system start the supervisor at login. Pure. */

export const SYSTEMD_UNIT = "overmind.service";
export const LAUNCHD_LABEL = "dev.overmind.supervisor";

/** Exit status with which a supervisor steps back because another one rules (see main.ts). */
const ANOTHER_RULES = 75;

/**
 * KillMode=process: sessions and the process host live on when the unit is stopped; that is what they are for. On
 * failure it comes back; when another supervisor rules the home that is no failure.
 */
export function systemdUnit(argv: readonly string[], variables: Readonly<Record<string, string>>): string {
  return `[Unit]
Description=Overmind supervisor

[Service]
Type=exec
ExecStart=${argv.map(systemdQuoted).join(" ")}
${Object.entries(variables)
  .map(([name, value]) => `Environment=${systemdQuoted(`${name}=${value}`)}`)
  .join("\n")}
KillMode=process
Restart=on-failure
RestartSec=1
SuccessExitStatus=${ANOTHER_RULES}

[Install]
WantedBy=default.target
`;
}

/** AbandonProcessGroup: as KillMode=process, sessions are not ended with the supervisor. */
export function launchdAgent(argv: readonly string[], variables: Readonly<Record<string, string>>): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LAUNCHD_LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${argv.map((word) => `    <string>${xmlEscaped(word)}</string>`).join("\n")}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${Object.entries(variables)
  .map(([name, value]) => `    <key>${xmlEscaped(name)}</key>\n    <string>${xmlEscaped(value)}</string>`)
  .join("\n")}
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>Crashed</key>
    <true/>
  </dict>
  <key>AbandonProcessGroup</key>
  <true/>
</dict>
</plist>
`;
}

/** In double quotes systemd knows C escapes; % begins a specifier and $ a variable. */
function systemdQuoted(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replaceAll("%", "%%")
    .replaceAll("$", "$$$$");
  return `"${escaped}"`;
}

function xmlEscaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
