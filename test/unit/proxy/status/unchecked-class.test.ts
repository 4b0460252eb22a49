import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.js';
import type { JsonObject } from '../../../../src/shared/json.js';
import { rateLimited } from '../../../../src/proxy/proxy-error.js';
import { UnusableGenerator } from '../../../../src/proxy/credentials/generator/unusable-generator.js';
import { conditionOf, conditionsIn } from '../../../../src/proxy/status/conditions.js';
import { newReconcileState } from '../../../../src/proxy/status/reconcile-state.js';
import { statusTimings } from '../../../../src/proxy/status/status-timings.js';
import { StatusUpdates } from '../../../../src/proxy/status/status-updates.js';
import { connectorClass, statusService as service } from '../../../support/proxy/manifests.js';

const spec = { proxy: { ref: service }, auth: { types: [{ name: 'own', generator: { cel: '{}' } }] } };

/** A class with a generator, whose status is written by the proxy. */
class Bench {
  /** The result of the next compilation. */
  failure: Error | undefined;
  certificate = 'CA';
  generation = 1n;
  #status: JsonObject = {};
  readonly #state = newReconcileState(statusTimings, () => 0);
  #object = this.#current();
  readonly #updates = new StatusUpdates({
    objects: {
      connectorClass: () => parseConnectorClass(this.#object),
      classObject: () => this.#object,
    } as never,
    evaluator: undefined as never,
    generators: { compile: () => (this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure)) },
    ca: { current: () => ({ certificate: this.certificate }) } as never,
    service,
    audience: 'connectors-proxy',
    patches: {
      send: (_kind: string, _object: JsonObject, { status }: { readonly status: JsonObject }) => {
        this.#status = { ...this.#status, ...status };
        return Promise.resolve(true);
      },
    } as never,
    timings: statusTimings,
    clock: { now: () => 0 },
    random: () => 0.5,
  });

  /** Reconciles the class once. @returns its condition Ready and the address's CA. */
  async reconcile(): Promise<{ readonly nextMs: number | undefined; readonly ready: unknown; readonly ca: unknown }> {
    this.#object = this.#current();
    const nextMs = await this.#updates.ofClass('made', this.#state, new AbortController().signal);
    this.#object = this.#current();
    const ready = conditionOf(conditionsIn(this.#object), 'Ready');
    const { proxy } = this.#status as { readonly proxy: { readonly httpAddress: { readonly CACerts: string } } };
    return { nextMs, ready: [ready?.['status'], ready?.['reason']], ca: proxy.httpAddress.CACerts };
  }

  #current(): JsonObject {
    const { metadata, ...rest } = connectorClass('made', spec) as { readonly metadata: JsonObject };
    return { ...rest, metadata: { ...metadata, generation: this.generation }, status: this.#status };
  }
}

const again = statusTimings.retryMs;

describe('a class whose generators the proxy has no capacity to compile', () => {
  const broken = new UnusableGenerator('BrokenGenerator', 'connectorclass made: mistake');
  const busy = rateLimited('too many wait');
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('stays broken or ready, and is checked again', async () => {
    for (const [failure, ready] of [
      [broken, ['False', 'BrokenGenerator']],
      [undefined, ['True', 'Ready']],
    ] as const) {
      bench.failure = failure;
      assert.deepEqual(await bench.reconcile(), { nextMs: undefined, ready, ca: 'CA' });
      bench.failure = busy;
      assert.deepEqual(await bench.reconcile(), { nextMs: again, ready, ca: 'CA' });
    }
  });

  it('is unknown at first, and after a change', async () => {
    bench.failure = busy;
    assert.deepEqual(await bench.reconcile(), { nextMs: again, ready: ['Unknown', 'NotChecked'], ca: 'CA' });
    bench.failure = broken;
    assert.deepEqual((await bench.reconcile()).ready, ['False', 'BrokenGenerator']);
    bench.generation = 2n;
    bench.failure = busy;
    assert.deepEqual(await bench.reconcile(), { nextMs: again, ready: ['Unknown', 'NotChecked'], ca: 'CA' });
  });

  it('gets a new CA meanwhile', async () => {
    await bench.reconcile();
    bench.failure = busy;
    bench.certificate = 'next CA';
    assert.deepEqual(await bench.reconcile(), { nextMs: again, ready: ['True', 'Ready'], ca: 'next CA' });
  });
});
