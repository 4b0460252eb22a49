import { BlockList } from 'node:net';
import { addRange, widthOf } from './address-range.js';

/** An address and port at which a server listens. */
export interface Endpoint {
  /** An IP address. */
  readonly address: string;
  /** The port; undefined for every port of the address. */
  readonly port: number | undefined;
}

/** A set of changing endpoints, which matches every spelling of their addresses. */
export class EndpointSet {
  readonly #source: () => readonly Endpoint[];
  #cached: readonly Endpoint[] | undefined;
  #everyPort = new BlockList();
  readonly #byPort = new Map<number, BlockList>();

  /** @param source returns the same array until the endpoints change. */
  constructor(source: () => readonly Endpoint[]) {
    this.#source = source;
  }

  has(address: string, type: 'ipv4' | 'ipv6', port: number): boolean {
    this.#refresh();
    return this.#everyPort.check(address, type) || this.#byPort.get(port)?.check(address, type) === true;
  }

  #refresh(): void {
    const endpoints = this.#source();
    if (endpoints === this.#cached) return;
    this.#cached = endpoints;
    this.#everyPort = new BlockList();
    this.#byPort.clear();
    for (const { address, port } of endpoints) {
      addRange(this.#listOf(port), { address, prefix: widthOf(address) });
    }
  }

  #listOf(port: number | undefined): BlockList {
    if (port === undefined) return this.#everyPort;
    const list = this.#byPort.get(port) ?? new BlockList();
    this.#byPort.set(port, list);
    return list;
  }
}
