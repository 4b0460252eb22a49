import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { IdentityHandlers } from './generated/csi/v1/Identity.ts';
import type { RpcEdge } from './unary.ts';
import { unary } from './unary.ts';

interface IdentityOptions {
  readonly driverName: string;
  readonly version: string;
  /** Returns why the driver cannot publish now; undefined if it can. */
  readonly notReadyReason: () => string | undefined;
}

/**
 * CSI Identity service. `Probe` reports ready only if a publish could succeed: mounting works and connectors can be
 * read.
 */
export function identityService(edge: RpcEdge, options: IdentityOptions): UntypedServiceImplementation {
  const handlers: IdentityHandlers = {
    GetPluginInfo: unary('GetPluginInfo', edge, () => ({
      name: options.driverName,
      vendor_version: options.version,
      manifest: {},
    })),
    GetPluginCapabilities: unary('GetPluginCapabilities', edge, () => ({ capabilities: [] })),
    Probe: unary('Probe', edge, () => ({ ready: { value: options.notReadyReason() === undefined } })),
  };
  return { ...handlers };
}
