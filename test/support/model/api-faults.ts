import type { Cluster } from '../driver/cluster.js';
import type { Fault, FaultEffect } from '../kube-api/faults.js';

/** What may be wrong with the API server. */
export interface ApiFault {
  readonly name: string;
  begin(cluster: Cluster): Promise<void> | void;
  end(cluster: Cluster): Promise<void> | void;
}

const offline: ApiFault = {
  name: 'refuses connections',
  begin: ({ api }) => api.goOffline(),
  end: ({ api }) => api.goOnline(),
};

const effects: Readonly<Record<string, FaultEffect>> = {
  'answers 503': { kind: 'status', code: 503 },
  'answers 500': { kind: 'status', code: 500 },
  'answers 429': { kind: 'status', code: 429 },
  'answers 403': { kind: 'status', code: 403 },
  'answers 401': { kind: 'status', code: 401 },
  'answers 410': { kind: 'status', code: 410 },
  'answers never': { kind: 'hang' },
  'cuts answers off': { kind: 'cut', afterBytes: 150, how: 'connection' },
  'cuts answers off, orderly': { kind: 'cut', afterBytes: 150, how: 'end' },
  'resets streams': { kind: 'reset', scope: 'stream' },
  'breaks connections': { kind: 'reset' },
  'answers garbage': { kind: 'garbage' },
  'answers late': { kind: 'delay', ms: 30 },
};

const places: Readonly<Record<string, Omit<Fault, 'effect'>>> = {
  'to everything': {},
  'to half of all': { probability: 0.5 },
  'to reviews': { resource: 'subjectaccessreviews' },
  'to watches': { verb: 'watch' },
  'about connectors': { resource: 'connectors' },
  'about classes': { resource: 'connectorclasses' },
};

function spoilt(how: string, where: string): ApiFault {
  return {
    name: `${how} ${where}`,
    begin: ({ api }) => {
      api.faults.add({ ...places[where], effect: effects[how]! });
      // Also those watches end that were open.
      if (where !== 'to reviews') api.closeConnections();
    },
    end: ({ api }) => {
      api.faults.clear();
      // Nobody waits for an answer that does not come.
      api.closeConnections();
    },
  };
}

/** All ways in all places. */
export const apiFaults: readonly ApiFault[] = [
  offline,
  ...Object.keys(effects).flatMap((how) => Object.keys(places).map((where) => spoilt(how, where))),
];
