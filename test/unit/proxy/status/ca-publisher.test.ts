import assert from 'node:assert/strict';
import { CodedError } from '../../../../src/shared/errors.js';
import type { CertificateAuthority } from '../../../../src/proxy/certificates/certificate-authority.js';
import { createCa, parseCa } from '../../../../src/proxy/certificates/certificate-authority.js';
import { CaPublisher } from '../../../../src/proxy/status/ca-publisher.js';
import type { Log } from '../../../../src/shared/log.js';
import { silentLog } from '../../../../src/shared/log.js';
import { eventually } from '../../../support/poll.js';

const newCa = (): CertificateAuthority => parseCa(createCa({ now: Date.now }), 'test');

describe('CaPublisher', () => {
  let ca: CertificateAuthority;
  let written: string[];
  let attempts: number;
  let failure: string | undefined;
  let logged: string[];
  let publisher: CaPublisher;

  beforeEach(() => {
    ca = newCa();
    [written, attempts, failure, logged] = [[], 0, undefined, []];
    const log: Log = {
      ...silentLog,
      info: (message) => void logged.push(message),
      warn: (_message, { error } = {}) => void logged.push((error as Error).message),
    };
    publisher = new CaPublisher({
      ca: { current: () => ca },
      namespace: 'connectors-system',
      client: {
        create: (_location: unknown, { data }: { readonly data: Readonly<Record<string, string>> }) => {
          attempts += 1;
          if (failure !== undefined) return Promise.reject(new CodedError('UNAVAILABLE', failure));
          written.push(data['ca.crt'] ?? '');
          return Promise.resolve();
        },
      } as never,
      log,
      retryMs: 1,
    });
  });
  afterEach(() => publisher.end());

  it('writes nothing before it begins, then the certificate, then one that changes', async () => {
    publisher.caChanged();
    assert.equal(attempts, 0);
    publisher.begin();
    await eventually('it is written', () => written.length === 1);
    const first = ca.certificate;
    ca = newCa();
    publisher.caChanged();
    await eventually('the change is written', () => written.length === 2);
    assert.deepEqual(written, [first, ca.certificate]);
  });

  it('logs a failure that stays once, another one again, and the same one after a success', async () => {
    const seen = async (): Promise<void> => {
      const until = attempts + 5;
      await eventually('it is tried again', () => attempts >= until);
    };
    failure = 'no permission';
    publisher.begin();
    await seen();
    failure = 'no API';
    await seen();
    failure = undefined;
    await eventually('it is written', () => written.length === 1);
    failure = 'no API';
    publisher.caChanged();
    await seen();
    assert.deepEqual(logged, ['no permission', 'no API', 'Published CA', 'no API']);
  });
});
