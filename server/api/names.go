package api

import (
	"strings"

	"github.com/relaishq/relais/server/problem"
)

// Resource names: "stores/{store}", "stores/{store}/orders/{order}", "stores/{store}/imports/{import}",
// "stores/{store}/shipments/{shipment}", "stores/{store}/migration", "adapters/{adapter}".

// maxNamePart bounds one id inside a name.
const maxNamePart = 128

func storeName(id string) string            { return "stores/" + id }
func orderName(store, number string) string { return "stores/" + store + "/orders/" + number }
func importName(store, id string) string    { return "stores/" + store + "/imports/" + id }
func shipmentName(store, id string) string  { return "stores/" + store + "/shipments/" + id }
func adapterName(id string) string          { return "adapters/" + id }

// parseName takes a name apart after a pattern such as "stores/*/orders/*" and returns what stands for the stars.
func parseName(field, name, pattern string) ([]string, error) {
	want, got := strings.Split(pattern, "/"), strings.Split(name, "/")
	ok := len(want) == len(got)
	var ids []string
	for i := 0; ok && i < len(want); i++ {
		if want[i] == "*" {
			ids = append(ids, got[i])
			ok = got[i] != "" && len(got[i]) <= maxNamePart
		} else {
			ok = want[i] == got[i]
		}
	}
	if !ok {
		return nil, problem.InvalidField(field, "must have the form %q", strings.NewReplacer(
			"stores/*", "stores/{store}", "orders/*", "orders/{order}", "imports/*", "imports/{import}",
			"shipments/*", "shipments/{shipment}", "adapters/*", "adapters/{adapter}").Replace(pattern))
	}
	return ids, nil
}

// parseOptionalAdapter returns the adapter's id; empty for an empty name.
func parseOptionalAdapter(field, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	ids, err := parseName(field, name, "adapters/*")
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// parseStore returns the store's id.
func parseStore(field, name string) (string, error) {
	ids, err := parseName(field, name, "stores/*")
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// parseChild returns the store's id and the id below it; collection is "orders", "imports" or "shipments".
func parseChild(field, name, collection string) (store, child string, err error) {
	ids, err := parseName(field, name, "stores/*/"+collection+"/*")
	if err != nil {
		return "", "", err
	}
	return ids[0], ids[1], nil
}

// parseSibling returns the id of something that must belong to the store that a request is about.
func parseSibling(field, name, collection, storeID string) (string, error) {
	store, id, err := parseChild(field, name, collection)
	if err == nil && store != storeID {
		err = problem.InvalidField(field, "belongs to another store than parent")
	}
	return id, err
}
