// Records what real Go makes of templates: reads cases from standard input, one JSON object with name, template and data
// a line, and writes them as test vectors. Run it with Debian's golang-go and sprig packages; record.sh shows how.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/sprig"
)

type testCase struct {
	Name     string          `json:"name"`
	Template string          `json:"template"`
	Data     json.RawMessage `json:"data"`
}

type vector struct {
	testCase
	Output *string `json:"output,omitempty"`
	Error  string  `json:"error,omitempty"`
	Stage  string  `json:"stage,omitempty"`
}

// How often each case is rendered: what is not the same every time is no vector.
const runs = 8

// Longer results show nothing that shorter ones do not.
const maxResult = 4000

// Functions that the engine leaves out.
var removed = []string{"env", "expandenv", "getHostByName", "buildCustomCert", "genCA", "genCAWithKey",
	"genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey"}

// limitedBuffer stops a template that writes without end.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(text []byte) (int, error) {
	if b.Len() > 4*maxResult {
		return 0, io.ErrShortWrite
	}
	return b.Buffer.Write(text)
}

// Addresses in memory, and the names that Go gives to functions.
var address = regexp.MustCompile(`0xc0[0-9a-f]{6,}|func\(`)

func decode(text json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return numbers(value), err
}

// As Kubernetes decodes: whole numbers that fit are int64, the rest float64.
func numbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		if whole, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return whole
		}
		float, _ := value.Float64()
		return float
	case []any:
		for index, element := range value {
			value[index] = numbers(element)
		}
	case map[string]any:
		for key, element := range value {
			value[key] = numbers(element)
		}
	}
	return value
}

func render(functions template.FuncMap, input testCase) (result vector, err error) {
	result.testCase = input
	compiled, err := template.New("t").Funcs(functions).Parse(input.Template)
	if err != nil {
		result.Error, result.Stage = err.Error(), "parse"
		return result, nil
	}
	data, err := decode(input.Data)
	if err != nil {
		return result, err
	}
	var output limitedBuffer
	if err := compiled.Execute(&output, data); err != nil {
		result.Error, result.Stage = err.Error(), "exec"
		return result, nil
	}
	text := output.String()
	result.Output = &text
	return result, nil
}

func text(result vector) string {
	if result.Output != nil {
		return *result.Output
	}
	return result.Error
}

func isVector(functions template.FuncMap, input testCase, first vector) bool {
	if len(text(first)) > maxResult || !utf8.ValidString(text(first)) || address.MatchString(text(first)) ||
		strings.Contains(first.Error, io.ErrShortWrite.Error()) {
		return false
	}
	for run := 1; run < runs; run++ {
		again, err := render(functions, input)
		if err != nil || text(again) != text(first) {
			return false
		}
	}
	return true
}

func main() {
	if _, offset := time.Now().Zone(); offset != 0 {
		fmt.Fprintln(os.Stderr, "the local time zone must be UTC")
		os.Exit(1)
	}
	functions := sprig.TxtFuncMap()
	for _, name := range removed {
		delete(functions, name)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var input testCase
		if err := json.Unmarshal(lines.Bytes(), &input); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		first, err := render(functions, input)
		if err != nil {
			fmt.Fprintln(os.Stderr, input.Name, err)
			os.Exit(1)
		}
		if isVector(functions, input, first) {
			_ = encoder.Encode(first)
		}
	}
}
