import { Refusal } from '../refusal.js';

/** For a client that had the API server asked about too much that came to nothing. @param why a sentence's beginning. */
export function paced(why: string): Refusal {
  return new Refusal(429, 'paced', `${why} within a short time: try again in some seconds`, {
    headers: { 'Retry-After': '5' },
  });
}
