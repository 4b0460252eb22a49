import { request } from 'node:https';
import { CodedError } from '../../shared/errors.ts';
import { describeFlags, parseFlags } from '../../shared/process/flags.ts';
import { readNodeFile, unsigned } from '../apply-files.ts';
import { imagePullsFlags } from '../flags.ts';
import { caFileName, hostsFileName, nodeFilesOf, proxyOriginIn } from '../node-files.ts';
import type { NodeFile } from '../node-files.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { fail, ok, reasonOf } from '../../shared/doctor/check-result.ts';
import { responseTo } from '../../shared/doctor/response.ts';

const timeoutMs = 5_000;
const fix = 'see the log of the pod of DaemonSet connectors-image-pulls on this node';

/** Flags of `doctor --image-pulls`. */
export const nodeDoctorFlags = {
  registry: imagePullsFlags.registry,
  'provider-dir': imagePullsFlags['provider-dir'],
  'containerd-dir': imagePullsFlags['containerd-dir'],
  'crio-dir': imagePullsFlags['crio-dir'],
} as const;

/** Returns the flags of `doctor --image-pulls`, one per line. */
export function describedFlags(): string {
  return describeFlags(nodeDoctorFlags);
}

/** Checks the files of this node for image pulls, and that the proxy responds with them. @throws {UsageError} */
export async function examineImagePulls(args: readonly string[]): Promise<readonly CheckResult[]> {
  const config = parseFlags(nodeDoctorFlags, args, {});
  const { registry: folder, 'containerd-dir': directory } = config;
  try {
    const textOf = (name: string): string | undefined =>
      directory === undefined ? undefined : readNodeFile({ directory, folder, name })?.text;
    const origin = proxyOriginIn(textOf(hostsFileName) ?? '');
    const url = origin !== undefined && URL.canParse(origin) ? new URL(origin) : undefined;
    const ca = textOf(caFileName);
    const files = checkFiles(nodeFilesOf({ ...config, 'proxy-port': Number(url?.port) || 443 }, filesFrom(url, ca)));
    return url === undefined || ca === undefined ? [files] : [files, await checkProxy(url, ca)];
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return [fail('image-files', error.message, fix)];
  }
}

/** The address and the CA are those that the node has: the request shows whether they are right. */
function filesFrom(url: URL | undefined, ca: string | undefined): Parameters<typeof nodeFilesOf>[1] {
  return { address: url?.hostname.replaceAll(/[[\]]/g, ''), ca: ca === undefined ? undefined : unsigned(ca) };
}

/** Checks that each file exists, as this version writes it. @throws {CodedError} if one cannot be read. */
function checkFiles(files: readonly NodeFile[]): CheckResult {
  const problems = files.flatMap((file) => {
    const at = [file.directory, file.folder, file.name].filter((part) => part !== undefined).join('/');
    const found = readNodeFile(file);
    if (found === undefined) return [`${at} does not exist`];
    if (found.mode !== file.mode) return [`${at} has mode 0${found.mode.toString(8)}, not 0${file.mode.toString(8)}`];
    if (unsigned(found.text) === file.text) return [];
    return [`${at} is ${found.isSigned ? 'of another version or CA' : 'written or changed by an administrator'}`];
  });
  if (problems.length > 0) return fail('image-files', problems.join('; '), fix);
  return ok('image-files', `${files.length} files are as this version writes them`);
}

/** Sends the request of a container runtime that has no credential yet, which checks address, TLS and CA at once. */
async function checkProxy(url: URL, ca: string): Promise<CheckResult> {
  const check = 'image-proxy';
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const { statusCode: status = 0, headers } = await responseTo(
      request(new URL('/v2/', url), { agent: false, ca, signal }),
    );
    const server = String(headers['server'] ?? '').slice(0, 100);
    if (status === 401 && server === 'connectors-proxy') return ok(check, `${url.origin} asks for a token`);
    const problem = `${url.origin} answers ${status} of "${server}" where the proxy asks for a token (401)`;
    return fail(check, problem, `does ${hostsFileName} name the Service of the proxy, and its port with TLS?`);
  } catch (error) {
    const problem = `${url.origin} cannot be reached with ${caFileName}: ${reasonOf(error)}`;
    return fail(check, problem, 'has the Service endpoints, and is this the CA of the proxy, with this name?');
  }
}
