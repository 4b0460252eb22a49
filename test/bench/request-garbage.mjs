// `node --max-semi-space-size=8 test/bench/request-garbage.mjs`: 40,000 requests in turn, 20 of them at a time, and how many collections
// of the whole heap it takes to free them, by how the program keeps them. See docs/dev/decisions/0033.
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';

const inFlight = 20;
const set = new Set();
const map = new Map();
const array = [];

class Response {
  #body;
  constructor(body) {
    this.#body = body;
  }
  get body() {
    return this.#body;
  }
}

/** Each returns a function that ends the request. */
const ways = {
  'not at all': () => () => undefined,
  'an object of a class with a getter': (request) => hold(request, new Response(request)),
  'a literal with a method': (request) => hold(request, { body: () => request }),
  'a literal with a getter': (request) =>
    hold(request, {
      get body() {
        return request;
      },
    }),
  'an array': (request) => {
    request.at = array.push(request) - 1;
    return () => {
      const last = array.pop();
      if (last === request) return;
      array[request.at] = last;
      last.at = request.at;
    };
  },
  'a set': (request) => {
    set.add(request);
    return () => set.delete(request);
  },
  'a map': (request) => {
    map.set(request.id, request);
    return () => map.delete(request.id);
  },
};

function hold(request, response) {
  request.response = response;
  return () => undefined;
}

let collections = 0;
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections += 1;
  }
}).observe({ entryTypes: ['gc'] });

for (const [name, keep] of Object.entries(ways)) {
  collections = 0;
  const ends = [];
  for (let id = 0; id < 40_000; id += 1) {
    const parts = Array.from({ length: 1000 }, (_, part) => ({ part }));
    ends.push(keep({ id, at: 0, parts, response: undefined }));
    if (ends.length > inFlight) ends.shift()();
    if (id % 100 === 0) await setImmediate();
  }
  for (const end of ends) end();
  await setImmediate();
  console.log(`${name}: ${collections}`);
}
