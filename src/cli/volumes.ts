import type { Volume__Output } from '../driver/csi/generated/connectors/volumes/v1/Volume.ts';
import { serveFlags } from '../driver/config.ts';
import { formatDuration } from '../shared/duration.ts';
import { CodedError } from '../shared/errors.ts';
import { describeFlags, parseFlags } from '../shared/process/flags.ts';
import type { Command } from '../shared/command/command.ts';
import { printable } from '../shared/message-text.ts';
import { printableJson, outputFlag } from '../shared/command/output-format.ts';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import type { ListVolumesResponse__Output } from '../driver/csi/generated/connectors/volumes/v1/ListVolumesResponse.ts';
import { ownVolumes } from '../driver/csi/services.ts';

const volumesFlags = {
  endpoint: serveFlags.endpoint,
  output: outputFlag,
} as const;

/** `volumes`: lists the volumes of this node, as reported by the driver in the same container. */
export const volumes: Command = {
  usage: `Usage: connectors-csi volumes [flags]

Lists the volumes of this node with their pods, Connectors, last refresh and failures. It asks the driver that runs in
the same container, or whose CSI socket --endpoint names. The driver knows the volumes that were published or refreshed
since it started: after a restart that takes the kubelet about a minute and a half.

  kubectl -n connectors-system exec daemonset/connectors-csi -- node /app/dist/main.js volumes

Flags:
${describeFlags(volumesFlags)}
`,
  run: async ({ args, env, stdout }) => {
    const { endpoint, output } = parseFlags(volumesFlags, args, env);
    const found = await listVolumes(endpoint);
    stdout(output === 'json' ? printableJson(found.map(asJson)) : table(found, Date.now()));
    return 0;
  },
};

function asJson(volume: Volume__Output): Readonly<Record<string, unknown>> {
  const time = (ms: number): string | null => (ms === 0 ? null : new Date(ms).toISOString());
  return {
    volumeId: volume.volume_id,
    pod: { namespace: volume.pod_namespace, name: volume.pod_name, uid: volume.pod_uid },
    serviceAccount: volume.service_account,
    connectors: volume.connectors,
    outcome: volume.outcome,
    outcomeAt: time(volume.outcome_at_ms),
    tokenExpiresAt: time(volume.token_expires_at_ms),
    failingSince: time(volume.failing_since_ms),
    failure: volume.failure === '' ? null : volume.failure,
  };
}

function table(found: readonly Volume__Output[], nowMs: number): string {
  const head = ['POD', 'ACCOUNT', 'CONNECTORS', 'LAST', 'AGE', 'TOKEN', 'FAILING', 'FAILURE'];
  const rows = found.map((volume) =>
    [
      `${volume.pod_namespace}/${volume.pod_name}`,
      volume.service_account,
      volume.connectors.join(','),
      volume.outcome,
      shownAge(nowMs - volume.outcome_at_ms),
      lifeLeft(volume.token_expires_at_ms, nowMs),
      volume.failing_since_ms === 0 ? '-' : shownAge(nowMs - volume.failing_since_ms),
      volume.failure === '' ? '-' : volume.failure,
    ].map(printable),
  );
  const widths = head.map((_title, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map((row) => `${line(row)}\n`).join('');
}

function lifeLeft(expiresAtMs: number, nowMs: number): string {
  if (expiresAtMs === 0) return '-';
  return expiresAtMs > nowMs ? shownAge(expiresAtMs - nowMs) : 'expired';
}

/** Timeout in milliseconds; the driver responds from memory. */
const timeoutMs = 5000;

/** Returns the volumes of this node, as reported by the driver on that socket. @throws {CodedError} without a response. */
async function listVolumes(socketPath: string): Promise<readonly Volume__Output[]> {
  const client = new ownVolumes.Volumes(`unix://${socketPath}`, credentials.createInsecure());
  const call = promisify(
    (done: (error: Error | null, response?: ListVolumesResponse__Output) => void) =>
      void client.listVolumes({}, { deadline: Date.now() + timeoutMs }, done),
  );
  try {
    return (await call())?.volumes ?? [];
  } catch (error) {
    const [reason] = /\bE[A-Z]{3,}\b/.exec(error instanceof Error ? error.message : '') ?? ['no response'];
    const message = `the driver does not answer on ${socketPath} (${reason}): run this in its container, as root, or name its socket with --endpoint`;
    throw new CodedError('UNAVAILABLE', message);
  } finally {
    client.close();
  }
}

/** Returns `1h30m5s`, in whole seconds. */
function shownAge(ms: number): string {
  return formatDuration(Math.max(0, Math.round(ms / 1000)) * 1000);
}
