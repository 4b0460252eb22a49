import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'lossless-json';
import { directorySource } from '../../../src/driver/directory-backend.ts';
import { KubernetesConnectors } from '../../../src/driver/connectors/kubernetes-connectors.ts';
import { watchTimes } from '../../../src/driver/connectors/watch-limits.ts';
import { noLimitObserver } from '../../../src/shared/limits/limit-observer.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { connectorSourceContract } from '../../support/connector-source-contract.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import type { KubeObject } from '../../support/kube-api/resources.ts';
import { adminConfig, testClient } from '../../support/kube-client/test-client.ts';

const namespace = 'connectors-system';

interface Identity {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

function identityOf(object: JsonObject): Identity {
  const { kind, metadata } = object as unknown as KubeObject;
  return { kind, name: metadata.name, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) };
}

describe('the directory source', () => {
  connectorSourceContract(async ({ notFoundWaitMs }) => {
    const directory = fs.mkdtempSync(path.join(tmpdir(), 'manifests-'));
    const source = directorySource({ directory, namespace, log: silentLog }, notFoundWaitMs);
    const fileOf = (object: JsonObject): string => {
      const { kind, namespace: own = '', name } = identityOf(object);
      return path.join(directory, `${kind}-${own}-${name}.json`);
    };
    return Promise.resolve({
      source,
      put: (object) => {
        fs.writeFileSync(path.join(directory, 'next'), stringify(object) ?? '');
        fs.renameSync(path.join(directory, 'next'), fileOf(object));
      },
      remove: (object) => fs.rmSync(fileOf(object)),
      stop: () => {
        fs.rmSync(directory, { recursive: true });
        return Promise.resolve();
      },
    });
  });
});

describe('the Kubernetes source', () => {
  connectorSourceContract(async ({ notFoundWaitMs }) => {
    const api = await KubeApi.start();
    const client = testClient(adminConfig(api));
    const clock = { now: () => Date.now() };
    const source = new KubernetesConnectors({
      client,
      namespace,
      notFoundWaitMs,
      watchLimits: { ...watchTimes, maxCount: 1000, maxBytes: 32 << 20 },
      observer: noLimitObserver,
      clock,
      log: silentLog,
    });
    source.start();
    const plurals: Readonly<Record<string, string>> = {
      Connector: 'connectors',
      ConnectorClass: 'connectorclasses',
      ConfigMap: 'configmaps',
    };
    return {
      source,
      put: (object) => void api.put(object as unknown as KubeObject),
      remove: (object) => {
        const { kind, ...name } = identityOf(object);
        api.delete(plurals[kind]!, name);
      },
      stop: async () => {
        source.stop();
        client.close();
        await api.stop();
      },
    };
  });
});
