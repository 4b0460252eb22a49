/** What a thread of JobThreads tells while it does a job, which it was sent as a message. */
export type ThreadMessage<Output> =
  /** Where it is, for messages. */
  | { readonly kind: 'at'; readonly place: string }
  /** It begins slow work, which takes long by intention. */
  | { readonly kind: 'slow' }
  | { readonly kind: 'done'; readonly output: Output };
