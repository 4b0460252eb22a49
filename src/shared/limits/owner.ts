/** The pod that causes a call. Shares are counted per namespace and per pod. */
export interface Owner {
  /** Empty if it cannot be trusted. All pods without a namespace share one. */
  readonly namespace: string;
  readonly podUid: string;
}
