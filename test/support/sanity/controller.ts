import path from 'node:path';
import type {
  ServiceClientConstructor,
  UntypedServiceImplementation,
  handleUnaryCall,
  sendUnaryData,
} from '@grpc/grpc-js';
import { loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { VolumeCapability__Output } from '../../../src/driver/csi/generated/csi/v1/VolumeCapability.ts';

interface Volume {
  readonly volume_id: string;
  readonly capacity_bytes: number;
  readonly volume_context: Readonly<Record<string, string>>;
}

interface CreateVolumeRequest {
  readonly name: string;
  readonly capacity_range: { readonly required_bytes: number } | null;
  readonly volume_capabilities: readonly VolumeCapability__Output[];
}

interface ValidateRequest {
  readonly volume_id: string;
  readonly volume_context: Readonly<Record<string, string>>;
  readonly volume_capabilities: readonly VolumeCapability__Output[];
}

const definition = loadPackageDefinition(
  loadSync('csi-controller.proto', {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [import.meta.dirname, path.join(import.meta.dirname, '..', '..', '..', 'proto')],
  }),
) as unknown as { csi: { v1: { Controller: ServiceClientConstructor } } };

export const Controller = definition.csi.v1.Controller;

/**
 * A CSI Controller for csi-sanity, which gives each volume that it creates to the node service: volumes are names in
 * memory, since those of the driver come with their pods.
 */
export class MemoryController {
  readonly #attributes: Readonly<Record<string, string>>;
  readonly #volumes = new Map<string, Volume>();

  /** @param attributes `volume_context` of every volume. */
  constructor(attributes: Readonly<Record<string, string>>) {
    this.#attributes = attributes;
  }

  get service(): UntypedServiceImplementation {
    return {
      CreateVolume: unary((request: CreateVolumeRequest) => this.#create(request)),
      DeleteVolume: unary(({ volume_id: id }: { readonly volume_id: string }) => this.#delete(id)),
      ValidateVolumeCapabilities: unary((request: ValidateRequest) => this.#validate(request)),
      ControllerGetCapabilities: unary(() => ({ capabilities: [{ rpc: { type: 'CREATE_DELETE_VOLUME' } }] })),
    };
  }

  #create({ name, capacity_range: range, volume_capabilities: capabilities }: CreateVolumeRequest): { volume: Volume } {
    if (name === '') throw new Refusal(status.INVALID_ARGUMENT, 'name is missing');
    if (capabilities.length === 0) throw new Refusal(status.INVALID_ARGUMENT, 'volume_capabilities is missing');
    const existing = this.#volumes.get(name);
    const capacity = range?.required_bytes ?? 0;
    if (existing !== undefined && existing.capacity_bytes !== capacity) {
      throw new Refusal(status.ALREADY_EXISTS, 'a volume of that name has another capacity');
    }
    const volume = existing ?? { volume_id: name, capacity_bytes: capacity, volume_context: this.#attributes };
    this.#volumes.set(name, volume);
    return { volume };
  }

  #delete(volumeId: string): object {
    if (volumeId === '') throw new Refusal(status.INVALID_ARGUMENT, 'volume_id is missing');
    this.#volumes.delete(volumeId);
    return {};
  }

  #validate({ volume_id: volumeId, volume_context, volume_capabilities }: ValidateRequest): object {
    if (volumeId === '') throw new Refusal(status.INVALID_ARGUMENT, 'volume_id is missing');
    if (volume_capabilities.length === 0) {
      throw new Refusal(status.INVALID_ARGUMENT, 'volume_capabilities is missing');
    }
    if (!this.#volumes.has(volumeId)) throw new Refusal(status.NOT_FOUND, 'no volume of that id');
    return { confirmed: { volume_context, volume_capabilities, parameters: {} } };
  }
}

class Refusal extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

function unary<Request>(answer: (request: Request) => object): handleUnaryCall<Request, object> {
  return ({ request }, callback: sendUnaryData<object>) => {
    try {
      callback(null, answer(request));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      callback({ code: error.code, details: error.message });
    }
  };
}
