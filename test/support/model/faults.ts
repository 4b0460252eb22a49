import type { Cluster } from '../driver/cluster.ts';
import type { Fault, FaultEffect } from '../kube-api/faults.ts';
import type { StallingProxy } from '../kube-api/stalling-proxy.ts';

/** The API server, and the network that leads to it. */
interface ApiPath {
  readonly cluster: Pick<Cluster, 'api'>;
  readonly network: StallingProxy;
}

/** What may be wrong with the API server, from its beginning to its end. */
export interface ApiFault {
  readonly name: string;
  begin(path: ApiPath): Promise<void> | void;
  end(path: ApiPath): Promise<void> | void;
}

const effects: Readonly<Record<string, readonly FaultEffect[]>> = {
  'answers 503': [{ kind: 'status', code: 503 }],
  'answers 500': [{ kind: 'status', code: 500 }],
  'answers 429': [{ kind: 'status', code: 429 }],
  'answers 429 with a delay': [{ kind: 'status', code: 429, retryAfterSeconds: 1 }],
  'answers 403': [{ kind: 'status', code: 403 }],
  'answers 401': [{ kind: 'status', code: 401 }],
  'answers 410': [{ kind: 'status', code: 410 }],
  'answers never': [{ kind: 'hang' }],
  'cuts answers off': [{ kind: 'cut', afterBytes: 150, how: 'connection' }],
  'cuts answers off, orderly': [{ kind: 'cut', afterBytes: 150, how: 'end' }],
  'resets streams': [{ kind: 'reset', scope: 'stream' }],
  'breaks connections': [{ kind: 'reset' }],
  'answers garbage': [{ kind: 'garbage' }],
  'answers late': [{ kind: 'delay', ms: 30 }],
  'answers late, in small pieces': [
    { kind: 'delay', ms: 300 },
    { kind: 'chunk', bytes: 50 },
  ],
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
    begin: ({ cluster: { api } }) => {
      for (const effect of effects[how] ?? []) api.faults.add({ ...places[where], effect });
      // Also those watches end that were open.
      if (where !== 'to reviews') api.closeConnections();
    },
    end: ({ cluster: { api } }) => {
      api.faults.clear();
      // Nobody waits for an answer that does not come.
      api.closeConnections();
    },
  };
}

/** All effects in all places, and those of the whole server. */
export const apiFaults: readonly ApiFault[] = [
  {
    name: 'refuses connections',
    begin: ({ cluster }) => cluster.api.goOffline(),
    end: ({ cluster }) => cluster.api.goOnline(),
  },
  {
    name: 'cannot be reached, without an error',
    begin: ({ network }) => network.silence(),
    end: ({ network }) => network.endSilence(),
  },
  ...Object.keys(effects).flatMap((how) => Object.keys(places).map((where) => spoilt(how, where))),
];
