package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// environmentPrefix begins the variable of a marketplace address; "__" stands between its parts because names may hold "_".
const environmentPrefix = "RELAIS_ENVIRONMENTS__"

// clientVariable is of the command line client: the address of the server to call.
const clientVariable = "RELAIS_SERVER"

// separator stands between the parts of a key.
const separator = "."

// loader is one Load under way.
type loader struct {
	values   *koanf.Koanf
	settings []setting
	sources  map[string]string // by key: the flag or variable that set it; the file otherwise
	file     string            // empty when there is none
	unknown  []string          // RELAIS_* variables that mean nothing
}

// Load reads and checks the configuration. flags are those of AddFlags, parsed; environ is as os.Environ returns it.
// The error tells everything that is wrong at once, each with the key and where it was set.
func Load(flags *pflag.FlagSet, environ []string) (Config, error) {
	l := loader{values: koanf.New(separator), settings: settings(), sources: map[string]string{}}
	if err := l.loadFile(flags, environ); err != nil {
		return Config{}, err
	}
	variables := env.Provider(separator, env.Opt{
		Prefix: "RELAIS_", EnvironFunc: func() []string { return environ }, TransformFunc: l.variable,
	})
	if err := l.values.Load(variables, nil); err != nil {
		return Config{}, fmt.Errorf("read environment variables: %w", err)
	}
	if err := l.values.Load(posflag.ProviderWithFlag(flags, separator, nil, l.flag), nil); err != nil {
		return Config{}, fmt.Errorf("read flags: %w", err)
	}
	return l.build()
}

// loadFile reads the configuration file. One that nobody named may be missing.
func (l *loader) loadFile(flags *pflag.FlagSet, environ []string) error {
	path, named := defaultFile, false
	for _, v := range environ {
		if value, ok := strings.CutPrefix(v, fileVariable+"="); ok && value != "" {
			path, named = value, true
		}
	}
	if f := flags.Lookup(fileFlag); f != nil && f.Changed {
		path, named = f.Value.String(), true
	}
	err := l.values.Load(file.Provider(path), yaml.Parser())
	var failure *os.PathError // names the path already
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return nil
	case errors.As(err, &failure):
		return fmt.Errorf("configuration file: %w", err)
	case err != nil:
		return fmt.Errorf("configuration file %s: %w", path, err)
	}
	l.file = path
	return l.unknownKeys()
}

// unknownKeys tells of every key of the file that means nothing: a misspelt one must not be passed over.
func (l *loader) unknownKeys() error {
	var errs []error
	flat := l.values.All()
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		if strings.HasPrefix(key, environmentsKey+separator) { // checked with the addresses
			continue
		}
		names := []string{environmentsKey + separator}
		for _, s := range l.settings {
			names = append(names, s.Name)
		}
		known := slices.ContainsFunc(names, func(name string) bool {
			return key == name || strings.HasPrefix(name, key+separator) && empty(flat[key])
		})
		if !known {
			errs = append(errs, fmt.Errorf("configuration file %s: unknown key %q", l.file, key))
		}
	}
	return together(errs)
}

// together counts errors when there are several: each has a line of its own below.
func together(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	return fmt.Errorf("the configuration has %d errors:\n%w", len(errs), errors.Join(errs...))
}

// empty reports whether a value of the file is a heading with nothing below it.
func empty(v any) bool {
	m, ok := v.(map[string]any)
	return v == nil || ok && len(m) == 0
}

// variable returns the key and value of an environment variable, or no key for one that sets nothing here: others of the
// same prefix belong to the command line client, or are misspelt.
func (l *loader) variable(name, value string) (string, any) {
	if value == "" {
		return "", nil
	}
	if parts, ok := strings.CutPrefix(name, environmentPrefix); ok {
		key := environmentsKey + separator + strings.ToLower(strings.ReplaceAll(parts, "__", separator))
		l.sources[key] = name
		return key, value
	}
	for _, s := range l.settings {
		if s.Variable == name {
			l.sources[s.Name] = name
			return s.Name, value
		}
	}
	if name != fileVariable && name != clientVariable {
		l.unknown = append(l.unknown, name)
	}
	return "", nil
}

// flag returns the key and value of a flag that was given.
func (l *loader) flag(f *pflag.Flag) (string, any) {
	if !f.Changed {
		return "", nil
	}
	for _, s := range l.settings {
		if s.Flag == f.Name {
			l.sources[s.Name] = "--" + f.Name
			return s.Name, f.Value.String()
		}
	}
	return "", nil
}

// build checks every value. Defaults take the same way as what people write.
func (l *loader) build() (Config, error) {
	c := Config{File: l.file, UnknownVariables: l.unknown}
	var errs []error
	for _, s := range l.settings {
		value, given, err := l.text(s.Name, s.list)
		if !given {
			value = strings.ReplaceAll(s.Default, dataDirMark, c.DataDir)
		}
		if err == nil {
			err = s.set(&c, value)
		}
		if err != nil {
			errs = append(errs, l.at(s.Name, err))
		}
	}
	if c.Shipment.RetryMax < c.Shipment.RetryMin && len(errs) == 0 {
		errs = append(errs, l.at("shipment.retry_max", fmt.Errorf("must not be below shipment.retry_min, which is %s", c.Shipment.RetryMin)))
	}
	if c.Refusals.ProbeMax < c.Refusals.ProbeMin && len(errs) == 0 {
		errs = append(errs, l.at("store.probe_max", fmt.Errorf("must not be below store.probe_min, which is %s", c.Refusals.ProbeMin)))
	}
	errs = append(errs, l.buildEnvironments(&c)...)
	if err := together(errs); err != nil {
		return Config{}, err
	}
	return c, nil
}

// at says which key is wrong and where it was set.
func (l *loader) at(key string, err error) error {
	source, ok := l.sources[key]
	switch {
	case ok:
	case l.file != "":
		source = l.file
	default:
		source = "default"
	}
	return fmt.Errorf("%s (%s): %w", key, source, err)
}

// text returns a value as text. A list becomes its items with commas between them, as a variable would hold it.
func (l *loader) text(key string, list bool) (value string, given bool, err error) {
	switch v := l.values.Get(key).(type) {
	case nil:
		return "", false, nil
	case string:
		return strings.TrimSpace(v), true, nil
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true, nil
	case []any:
		if list {
			items := make([]string, len(v))
			for i, item := range v {
				items[i] = fmt.Sprint(item)
			}
			return strings.Join(items, ","), true, nil
		}
	}
	return "", true, errors.New("must be a single value")
}

var (
	// Names are written into resource names, file names and variables.
	namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	keyPattern  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
)

// buildEnvironments checks the marketplace addresses.
func (l *loader) buildEnvironments(c *Config) []error {
	var errs []error
	c.environments = map[string]map[string]map[string]string{}
	flat := l.values.All()
	for _, full := range slices.Sorted(maps.Keys(flat)) {
		path, ok := strings.CutPrefix(full, environmentsKey+separator)
		if !ok || empty(flat[full]) {
			continue
		}
		parts := strings.Split(path, separator)
		if len(parts) != 3 || !namePattern.MatchString(parts[0]) || !namePattern.MatchString(parts[1]) || !keyPattern.MatchString(parts[2]) {
			errs = append(errs, l.at(full, fmt.Errorf(`must be %s.<name>.<adapter>.<key>, in a-z, 0-9 and "-" (in a key "_")`, environmentsKey)))
			continue
		}
		value, _, err := l.text(full, false)
		if err == nil {
			_, err = checkURL(value)
		}
		if err != nil {
			errs = append(errs, l.at(full, err))
			continue
		}
		name, adapter, key := parts[0], parts[1], parts[2]
		if c.environments[name] == nil {
			c.environments[name] = map[string]map[string]string{}
		}
		if c.environments[name][adapter] == nil {
			c.environments[name][adapter] = map[string]string{}
		}
		c.environments[name][adapter][key] = value
	}
	return errs
}
