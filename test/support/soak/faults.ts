import type { Cluster } from '../driver/cluster.js';
import type { Fault as RequestFault, FaultEffect } from '../kube-api/faults.js';
import type { StallingProxy } from '../kube-api/stalling-proxy.js';

/** Something that is wrong with the API server, or on the way to it, from its beginning to its end. */
export interface Fault {
  readonly name: string;
  begin(cluster: Cluster, network: StallingProxy): Promise<void> | void;
  end(cluster: Cluster, network: StallingProxy): Promise<void> | void;
}

/** Every request, or those of a kind, gets the effects, also those of watches that were open. */
function requestFaults(name: string, effects: readonly FaultEffect[], which: Omit<RequestFault, 'effect'> = {}): Fault {
  return {
    name,
    begin: ({ api }) => {
      for (const effect of effects) api.faults.add({ ...which, effect });
      api.closeConnections();
    },
    end: ({ api }) => api.faults.clear(),
  };
}

const nothing: Fault = { name: 'nothing', begin: () => undefined, end: () => undefined };

const historyLoss: Fault = {
  name: 'connections break, and the history is gone',
  begin: ({ api }) => {
    api.faults.add({ verb: 'watch', probability: 0.2, effect: { kind: 'status', code: 410 } });
    api.closeConnections();
    api.advanceRevision();
    api.compact();
  },
  end: ({ api }) => {
    api.faults.clear();
    api.closeConnections();
  },
};

const farewell: Fault = {
  name: 'the API server says goodbye on all connections',
  begin: ({ api }) => api.sendGoaway(),
  end: () => undefined,
};

export const faults: readonly Fault[] = [
  nothing,
  {
    name: 'the API server refuses connections',
    begin: ({ api }) => api.goOffline(),
    end: ({ api }) => api.goOnline(),
  },
  {
    name: 'the network swallows everything',
    begin: (_cluster, network) => network.silence(),
    end: (_cluster, network) => network.endSilence(),
  },
  requestFaults('requests are answered never', [{ kind: 'hang' }]),
  requestFaults('everything is answered with 503', [{ kind: 'status', code: 503 }]),
  requestFaults('everything is answered with 429', [{ kind: 'status', code: 429, retryAfterSeconds: 1 }]),
  requestFaults('every other request fails with 500', [{ kind: 'status', code: 500 }], { probability: 0.5 }),
  requestFaults('the driver is forbidden everything', [{ kind: 'status', code: 403 }]),
  requestFaults("the driver's token is not accepted", [{ kind: 'status', code: 401 }]),
  requestFaults('answers are cut off', [{ kind: 'cut', afterBytes: 300, how: 'connection' }], { probability: 0.7 }),
  requestFaults('streams are reset', [{ kind: 'reset', scope: 'stream' }], { probability: 0.7 }),
  requestFaults('answers are garbage', [{ kind: 'garbage' }], { probability: 0.7 }),
  requestFaults('answers are slow and come in small pieces', [
    { kind: 'delay', ms: 1500 },
    { kind: 'chunk', bytes: 50 },
  ]),
  historyLoss,
  farewell,
];
