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
/** A name server that is slower than that, and be it because others ask for names without end, is not waited for. */
const patienceMs = 1_000;
/** So long the addresses that a name had count where there is no newer answer. */
const staleForMs = 300_000;
/** A turn that has not come until then comes too late for the connection. */
const turnMs = 10_000;

/** Lets a few of those who ask for any name they like ask at once, in turns. */
export interface LookupTurns {
  enter(owner: LookupOwner, wanted: AbortSignal, isResuming: boolean): Promise<void>;
  leave(): void;
}

/** Who asks for a name: turns are by namespace, and by pod within. */
export interface LookupOwner {
  readonly namespace: string;
  readonly podUid: string;
}

export interface ResolverOptions {
  readonly rules: AddressRules;
  readonly lookUp: SystemLookup;
  /** Of lookups for clients' own hosts; those for the hosts of Connectors wait for nobody. */
  readonly turns: LookupTurns;
  readonly steadyNow: () => number;
}

interface Asked {
  readonly answer: Promise<readonly LookupAddress[]>;
  readonly askedMs: number;
  isOver: boolean;
}

interface Known {
  readonly addresses: readonly LookupAddress[];
  readonly knownMs: number;
}

/**
 * Names to addresses. The address that is checked is the address that is connected to: sockets ask here when they are
 * opened, and nobody asks the name's owner a second time (DNS rebinding).
 */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #asked = new Map<string, Asked>();
  /** Answers so far, the newest last. */
  readonly #known = new Map<string, Known>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /**
   * The addresses of a host that may be connected to.
   * @throws {Refusal} 403 when there are none; what the lookup fails with.
   */
  async addressesOf(host: string): Promise<readonly LookupAddress[]> {
    this.ensureNotRefused(host);
    if (isIP(host) !== 0) return [{ address: host, family: isIP(host) }];
    const found = await this.#promptAnswer(host);
    const allowed = found.filter(({ address }) => this.#options.rules.isAllowed(address));
    if (allowed.length === 0) throw refused(host, `it resolves to ${found.map(({ address }) => address).join(', ')}`);
    return allowed;
  }

  /** Sockets do not look up what is an address already. @throws {Refusal} 403. */
  ensureNotRefused(host: string): void {
    if (isIP(host) !== 0 && !this.#options.rules.isAllowed(host)) throw refused(host, 'it is such an address');
  }

  /** For `net.connect` and its relatives, to the host of a Connector. */
  readonly lookup: LookupFunction = (host, options, callback) => tell(this.addressesOf(host), options, callback);

  /** The same for a host that a client has chosen. Fails with a {Refusal} 503 when its turn does not come in time. */
  lookupFor(owner: LookupOwner): LookupFunction {
    return (host, options, callback) => tell(this.#inTurn(host, owner), options, callback);
  }

  async #inTurn(host: string, owner: LookupOwner): Promise<readonly LookupAddress[]> {
    const { turns } = this.#options;
    if (isIP(host) !== 0 || this.#current(host) !== undefined) return this.addressesOf(host);
    try {
      await turns.enter(owner, AbortSignal.timeout(turnMs), false);
    } catch (cause) {
      throw new Refusal(503, 'overload', `too many names are being looked up at once, and ${host} was not`, { cause });
    }
    const leave = (): void => turns.leave();
    if (this.#current(host) !== undefined) leave();
    // A lookup that nobody waits for any more still has its thread.
    else this.#ask(host).answer.then(leave, leave);
    return this.addressesOf(host);
  }

  /** What the system says, or what it said last where it takes long. */
  async #promptAnswer(host: string): Promise<readonly LookupAddress[]> {
    const { answer, askedMs } = this.#current(host) ?? this.#ask(host);
    const { steadyNow } = this.#options;
    const known = this.#known.get(host);
    const nowMs = steadyNow();
    if (known === undefined || nowMs - known.knownMs > staleForMs) return answer;
    let timer: NodeJS.Timeout | undefined;
    const last = new Promise<readonly LookupAddress[]>((resolve) => {
      timer = setTimeout(() => resolve(known.addresses), Math.max(0, askedMs + patienceMs - nowMs));
    });
    return Promise.race([answer, last]).finally(() => clearTimeout(timer));
  }

  /** A lookup that is under way or has only just ended. */
  #current(host: string): Asked | undefined {
    const asked = this.#asked.get(host);
    return asked !== undefined && (!asked.isOver || this.#options.steadyNow() - asked.askedMs < keptForMs)
      ? asked
      : undefined;
  }

  #ask(host: string): Asked {
    const { lookUp, steadyNow } = this.#options;
    const asked: Asked = { answer: lookUp(host), askedMs: steadyNow(), isOver: false };
    keep(this.#asked, host, asked);
    asked.answer.then(
      (addresses) => {
        asked.isOver = true;
        keep(this.#known, host, { addresses, knownMs: steadyNow() });
      },
      () => {
        if (this.#asked.get(host) === asked) this.#asked.delete(host);
      },
    );
    return asked;
  }
}

/** Puts it last, and lets go of the first of too many. */
function keep<T>(map: Map<string, T>, host: string, value: T): void {
  map.delete(host);
  map.set(host, value);
  if (map.size > maxNames) map.delete(map.keys().next().value ?? '');
}

function tell(
  found: Promise<readonly LookupAddress[]>,
  options: Parameters<LookupFunction>[1],
  callback: Parameters<LookupFunction>[2],
): void {
  found.then(
    (addresses) => {
      const ofFamily = addresses.filter(({ family }) => !options.family || family === options.family);
      const [first] = ofFamily;
      if (first === undefined) callback(new Error(`no address of family ${String(options.family)}`), '', 0);
      else if (options.all === true) callback(null, [...ofFamily]);
      else callback(null, first.address, first.family);
    },
    (error: unknown) => callback(error instanceof Error ? error : new Error('the lookup failed'), '', 0),
  );
}

function refused(host: string, why: string): Refusal {
  return new Refusal(
    403,
    'refused-address',
    `${host} is refused: the proxy does not connect to loopback, link-local, unspecified or multicast addresses nor to the API server, and ${why}; an operator can open an address with --allow-addresses`,
  );
}
