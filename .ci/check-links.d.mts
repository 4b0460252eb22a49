export declare function anchorsOf(name: string): readonly string[];
export declare function brokenLinks(name: string, text: string): readonly string[];
