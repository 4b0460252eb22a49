import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { Refusal } from '../refusal.js';
import type { AddressRules } from './address-rules.js';

/** Asks the system, as `dns.lookup` does with `all`. */
export type SystemLookup = (host: string) => Promise<readonly LookupAddress[]>;

/** Lookups of one name at nearly the same time are one: tools open many connections at once. */
const keptForMs = 2_000;
const maxNames = 1000;

/**
 * Names to addresses. The address that is checked is the address that is connected to: sockets ask here when they are
 * opened, and nobody asks the name's owner a second time (DNS rebinding).
 */
export class Resolver {
  readonly #rules: AddressRules;
  readonly #lookUp: SystemLookup;
  readonly #steadyNow: () => number;
  readonly #asked = new Map<string, { readonly answer: Promise<readonly LookupAddress[]>; readonly askedMs: number }>();

  constructor(rules: AddressRules, lookUp: SystemLookup, steadyNow: () => number) {
    this.#rules = rules;
    this.#lookUp = lookUp;
    this.#steadyNow = steadyNow;
  }

  /**
   * The addresses of a host that may be connected to.
   * @throws {Refusal} 403 when there are none; what the lookup fails with.
   */
  async addressesOf(host: string): Promise<readonly LookupAddress[]> {
    this.ensureNotRefused(host);
    if (isIP(host) !== 0) return [{ address: host, family: isIP(host) }];
    const found = await this.#answerFor(host);
    const allowed = found.filter(({ address }) => this.#rules.isAllowed(address));
    if (allowed.length === 0) throw refused(host, `it resolves to ${found.map(({ address }) => address).join(', ')}`);
    return allowed;
  }

  /** Sockets do not look up what is an address already. @throws {Refusal} 403. */
  ensureNotRefused(host: string): void {
    if (isIP(host) !== 0 && !this.#rules.isAllowed(host)) throw refused(host, 'it is such an address');
  }

  /** For `net.connect` and its relatives. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.addressesOf(host).then(
      (addresses) => {
        const ofFamily = addresses.filter(({ family }) => !options.family || family === options.family);
        const [first] = ofFamily;
        if (first === undefined) callback(new Error(`no address of family ${String(options.family)}`), '', 0);
        else if (options.all === true) callback(null, [...ofFamily]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error('the lookup failed'), '', 0),
    );
  };

  #answerFor(host: string): Promise<readonly LookupAddress[]> {
    const nowMs = this.#steadyNow();
    const known = this.#asked.get(host);
    if (known !== undefined && nowMs - known.askedMs < keptForMs) return known.answer;
    const answer = this.#lookUp(host);
    answer.catch(() => this.#asked.delete(host));
    this.#asked.delete(host);
    this.#asked.set(host, { answer, askedMs: nowMs });
    if (this.#asked.size > maxNames) this.#asked.delete(this.#asked.keys().next().value ?? '');
    return answer;
  }
}

function refused(host: string, why: string): Refusal {
  return new Refusal(
    403,
    'refused-address',
    `${host} is refused: the proxy does not connect to loopback, link-local, unspecified or multicast addresses nor to the API server, and ${why}; an operator can open an address with --allow-addresses`,
  );
}
