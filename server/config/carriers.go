package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"

	"github.com/relaishq/relais/server/carrier"
)

// maxCarriersFile bounds the file of carriers: anything larger is the wrong file.
const maxCarriersFile = 1 << 20

// setCarriers reads the operator's carriers and adds them to those that relais knows. No path leaves those alone.
func setCarriers(c *Config, path string) error {
	if path == "" {
		c.Carriers = carrier.Default()
		return nil
	}
	entries, err := readCarriers(path)
	if err != nil {
		return fmt.Errorf("file %s: %w", path, err)
	}
	if c.Carriers, err = carrier.Default().Extend(entries); err != nil {
		return fmt.Errorf("file %s: %w", path, err)
	}
	return nil
}

// readCarriers reads a file of carriers: a list below the key carriers, in JSON when the name says so, in YAML otherwise.
func readCarriers(path string) ([]carrier.Entry, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var file map[string]any
	if strings.EqualFold(filepath.Ext(path), ".json") {
		err = json.Unmarshal(content, &file)
	} else {
		file, err = yaml.Parser().Unmarshal(content)
	}
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	list, ok := file["carriers"].([]any)
	if !ok || len(list) == 0 || len(file) != 1 {
		return nil, errors.New("must have one key, carriers, with a list of carriers below it")
	}
	entries := make([]carrier.Entry, len(list))
	var errs []error
	for i, item := range list {
		if err := decodeCarrier(item, &entries[i]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", entryName(i, item), err))
		}
	}
	return entries, errors.Join(errs...)
}

// decodeCarrier takes an entry as its JSON form, in which a key that means nothing is an error: it is misspelt, most likely.
func decodeCarrier(item any, e *carrier.Entry) error {
	text, err := json.Marshal(item)
	if err != nil {
		return fmt.Errorf("must be a list of keys with text or lists of text: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(e)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return errors.New("must have the keys name, spellings, aliases, serves and tracking_page, of which name is required")
	case errors.As(err, &wrong):
		return fmt.Errorf("%s must be %s, not a %s", wrong.Field, kindOf(wrong), wrong.Value)
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// kindOf says what a key holds.
func kindOf(wrong *json.UnmarshalTypeError) string {
	if wrong.Type.Kind().String() == "slice" {
		return "a list of texts"
	}
	return "a text"
}

// entryName is how people find an entry in the file.
func entryName(i int, item any) string {
	if keys, ok := item.(map[string]any); ok {
		if name, ok := keys["name"].(string); ok {
			return fmt.Sprintf("carrier %q", name)
		}
	}
	return fmt.Sprintf("entry %d", i+1)
}

// readFile reads a file of at most maxCarriersFile bytes. Its errors leave the path out, which the caller tells.
func readFile(path string) ([]byte, error) {
	content, err := func() ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // nothing was written
		return io.ReadAll(io.LimitReader(f, maxCarriersFile+1))
	}()
	if failure := new(os.PathError); errors.As(err, &failure) {
		return nil, failure.Err
	}
	if len(content) > maxCarriersFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxCarriersFile)
	}
	return content, err
}
