import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { sendUnaryData } from '@grpc/grpc-js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { RegistrationHandlers } from '../../../src/driver/csi/generated/pluginregistration/Registration.js';
import { pluginRegistration } from '../../../src/driver/csi/services.js';
import { KubeletClient } from '../driver/kubelet-client.js';

/** Does what the upstream node-driver-registrar does: asks the driver for its name and serves the registration itself. */
export class RegistrarSidecar {
  readonly #server = new Server();
  #isRegistered = false;

  /** @param endpoint the CSI socket, as the driver and the kubelet see it. */
  static async start(endpoint: string, registryDir: string): Promise<RegistrarSidecar> {
    const { name } = await new KubeletClient(endpoint).pluginInfo();
    const sidecar = new RegistrarSidecar();
    const handlers: RegistrationHandlers = {
      GetInfo: (_call, callback) =>
        callback(null, { type: 'CSIPlugin', name, endpoint, supported_versions: ['1.0.0'] }),
      NotifyRegistrationStatus: ({ request }, callback: sendUnaryData<object>) => {
        sidecar.#isRegistered = request.plugin_registered;
        callback(null, {});
      },
    };
    sidecar.#server.addService(pluginRegistration.Registration.service, { ...handlers });
    const socket = path.join(registryDir, `${name}-reg.sock`);
    fs.rmSync(socket, { force: true });
    const bind = promisify(sidecar.#server.bindAsync.bind(sidecar.#server));
    await bind(`unix://${socket}`, ServerCredentials.createInsecure());
    return sidecar;
  }

  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}
