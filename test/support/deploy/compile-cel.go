// Compiles the CEL expressions of admission policies as the API server does, which rejects lists and maps of mixed types. Reads
// JSON from standard input: [{"name", "variables": [{"name", "expression"}], "expressions"}]. Prints each error.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
)

type named struct{ Name, Expression string }

type policy struct {
	Name        string
	Variables   []named
	Expressions []string
}

func main() {
	var policies []policy
	if err := json.NewDecoder(os.Stdin).Decode(&policies); err != nil {
		panic(err)
	}
	for _, p := range policies {
		options := []cel.EnvOption{
			cel.HomogeneousAggregateLiterals(),
			cel.DefaultUTCTimeZone(true),
			ext.Strings(ext.StringsVersion(2)),
			ext.Sets(),
			cel.OptionalTypes(),
			cel.ASTValidators(cel.ValidateHomogeneousAggregateLiterals()),
			cel.Function("indexOf", cel.MemberOverload("list_indexOf", []*cel.Type{cel.ListType(cel.TypeParamType("T")), cel.TypeParamType("T")}, cel.IntType)),
			// The functions of the API server's library that the policies use.
			method("group", cel.DynType, cel.DynType, cel.StringType),
			method("resource", cel.DynType, cel.DynType, cel.StringType),
			method("subresource", cel.DynType, cel.DynType, cel.StringType),
			method("namespace", cel.DynType, cel.DynType, cel.StringType),
			method("name", cel.DynType, cel.DynType, cel.StringType),
			method("check", cel.DynType, cel.DynType, cel.StringType),
			method("allowed", cel.BoolType, cel.DynType),
			cel.Function("sum", cel.MemberOverload("list_sum", []*cel.Type{cel.ListType(cel.TypeParamType("T"))}, cel.TypeParamType("T"))),
		}
		for _, name := range []string{"object", "oldObject", "params", "request", "namespaceObject", "authorizer"} {
			options = append(options, cel.Variable(name, cel.DynType))
		}
		env, err := cel.NewEnv(options...)
		if err != nil {
			panic(err)
		}
		for _, v := range p.Variables {
			compiled, issues := env.Compile(v.Expression)
			if issues.Err() != nil {
				fmt.Printf("%s: variable %s: %v\n", p.Name, v.Name, issues.Err())
				continue
			}
			if env, err = env.Extend(cel.Variable("variables."+v.Name, compiled.OutputType())); err != nil {
				panic(err)
			}
		}
		for _, expression := range p.Expressions {
			if _, issues := env.Compile(expression); issues.Err() != nil {
				fmt.Printf("%s: %v\n", p.Name, issues.Err())
			}
		}
	}
}

func method(name string, result *cel.Type, arguments ...*cel.Type) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload("library_"+name, arguments, result))
}
