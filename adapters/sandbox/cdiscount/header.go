package cdiscount

import "regexp"

// The enums of the header, as far as they are written out: Country has capitals of ISO 3166 beside four words, Currency the
// ISO 4217 code with one capital (cdiscount-soap.md 3.1).
var (
	countryWord  = regexp.MustCompile(`^(Fr|Be|De|Us|[A-Z]{2})$`)
	currencyWord = regexp.MustCompile(`^[A-Z][a-z]{2}$`)
)

func languages() []string { return []string{"Fr", "En", "De", "Es", "Th", "Vi", "NotDefined"} }

// checkHeader reads Context and Localization as far as they are typed.
func checkHeader(header map[string]*element) error {
	context := &reader{members: members(header["Context"], nsCore, "CatalogID", "ConfigurationPolicy", "CustomerID", "CustomerId",
		"CustomerNumber", "CustomerPoolID", "GeoCoordinate", "SecuredContext", "SiteID")}
	context.integer("CatalogID", true)
	context.integer("CustomerId", false)
	context.integer("CustomerPoolID", true)
	context.boolean("SecuredContext")
	context.integer("SiteID", false)
	if context.err != nil {
		return context.err
	}
	local := &reader{members: members(header["Localization"], nsCore, "Country", "CultureName", "Currency", "DecimalPosition", "Language")}
	local.pattern("Country", countryWord)
	local.pattern("Currency", currencyWord)
	local.integer("DecimalPosition", true)
	local.enum("Language", "Language", languages(), false)
	return local.err
}

// pattern checks an enum whose values are not all listed here.
func (r *reader) pattern(name string, allowed *regexp.Regexp) {
	if s, ok := r.value(name, false); ok && !allowed.MatchString(s) {
		r.fail("Invalid enum value '%s' cannot be deserialized into type '%s'.", s, name)
	}
}
