import { statSync } from 'node:fs';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { registrationSocket } from '../../driver/config.js';
import type { DriverConfig } from '../../driver/config.js';
import { csi, pluginRegistration } from '../../driver/csi/services.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { fail, ok, reasonOf } from '../../shared/doctor/check-result.js';
import { checkReadiness } from '../../shared/doctor/readiness.js';

type SocketConfig = Pick<
  DriverConfig,
  'endpoint' | 'driver-name' | 'kubelet-dir' | 'registration-dir' | 'kubelet-endpoint' | 'http-address'
>;

/** Timeout of one call to a socket on this node, in milliseconds. */
const answerTimeoutMs = 5_000;

/** Checks that the driver responds at the kubelet's path of its socket, and that the kubelet has accepted it. */
export async function checkSockets(config: SocketConfig): Promise<readonly CheckResult[]> {
  return Promise.all([
    checkCsiSocket(config),
    checkRegistrationSocket(config),
    checkReadiness(config['http-address'], 'driver', 'publish'),
  ]);
}

async function checkCsiSocket(config: SocketConfig): Promise<CheckResult> {
  const { endpoint, 'driver-name': driverName, 'kubelet-endpoint': kubeletEndpoint } = config;
  const check = 'socket';
  const client = new csi.Identity(`unix://${endpoint}`, credentials.createInsecure());
  try {
    const ask = promisify<object, { deadline: number }, { name: string } | undefined>(
      client.getPluginInfo.bind(client),
    );
    const name = (await ask({}, { deadline: Date.now() + answerTimeoutMs }))?.name ?? '';
    if (name !== driverName) {
      return fail(
        check,
        `${endpoint} is the socket of driver "${name}"`,
        `--driver-name is ${driverName}; make them one`,
      );
    }
  } catch (error) {
    const fix = 'is the driver running, with the same --endpoint (CSI_ENDPOINT)? See its log';
    return fail(check, `no response on ${endpoint}: ${dialReason(error)}`, fix);
  } finally {
    client.close();
  }
  if (!isSameFile(endpoint, kubeletEndpoint)) {
    const fix = 'make --kubelet-endpoint the path of the CSI socket as the node has it';
    return fail(check, `the kubelet uses ${kubeletEndpoint}, which is not the socket ${endpoint}`, fix);
  }
  return ok(check, `${driverName} answers on ${endpoint}`);
}

/** Checks the registration socket. */
async function checkRegistrationSocket(config: SocketConfig): Promise<CheckResult> {
  const { 'driver-name': driverName, 'kubelet-endpoint': kubeletEndpoint } = config;
  const socket = registrationSocket(config['registration-dir'], driverName);
  const check = 'registration';
  const client = new pluginRegistration.Registration(`unix://${socket}`, credentials.createInsecure());
  try {
    type Info = { name: string; endpoint: string } | undefined;
    const ask = promisify<object, { deadline: number }, Info>(client.getInfo.bind(client));
    const { name, endpoint } = (await ask({}, { deadline: Date.now() + answerTimeoutMs })) ?? {
      name: '',
      endpoint: '',
    };
    if (name === driverName && endpoint === kubeletEndpoint) return ok(check, `offered to the kubelet at ${socket}`);
    const fix = `it should be ${driverName} at ${kubeletEndpoint}; give the driver and doctor the same values`;
    return fail(check, `${socket} offers driver "${name}" at ${endpoint}`, fix);
  } catch (error) {
    const fix = 'is the driver running, and is --kubelet-dir the directory of the kubelet? See its log';
    return fail(check, `no response on ${socket}: ${dialReason(error)}`, fix);
  } finally {
    client.close();
  }
}

/** Returns the system's error, without the gRPC client's text around it. */
function dialReason(error: unknown): string {
  const reason = reasonOf(error);
  return /Last error: (?:Error: )?(.*?)\.? Resolution note/.exec(reason)?.[1] ?? reason;
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((file) => statSync(file, { throwIfNoEntry: false }));
  return a !== undefined && a.dev === b?.dev && a.ino === b.ino;
}
