package cdiscount

import (
	"slices"
	"strings"
	"unicode"
)

// quoteLimit bounds how much of the marketplace's words is passed on, in characters.
const quoteLimit = 160

// vocabulary are the words that quote passes on, in small letters: those of the recorded messages and of what they speak of
// (cdiscount-soap.md 4.1), and the small words that join them. No list of names can be complete, in whatever script and case; a
// list of words need not be.
var vocabulary = []string{
	// Small words.
	"a", "à", "au", "aux", "avec", "ce", "ces", "cette", "d", "dans", "de", "des", "du", "en", "est", "et", "été", "être", "il", "l", "la",
	"le", "les", "n", "ne", "non", "ont", "ou", "par", "pas", "plus", "pour", "pu", "que", "qui", "sans", "sont", "sur", "trop", "un", "une",
	"votre", "an", "of", "not", "the", "to",
	// What is spoken of.
	"acceptation", "adresse", "alias", "appels", "autorisation", "caractère", "caractères", "carrier", "cdiscount", "champ", "client", "colis",
	"commande", "commandes", "compte", "date", "demande", "délai", "erreur", "error", "état", "expédition", "filter", "instance", "ligne", "lignes",
	"livraison", "message", "messagerie", "n°", "numéro", "object", "order", "paiement", "parcelinfo", "passage", "produit", "quota", "reference",
	"remboursement", "request", "service", "stade", "statut", "suivi", "tracking", "transporteur", "type", "url", "utilisateur", "vendeur",
	// What is said of it.
	"absent", "absente", "annulée", "atteint", "autorisé", "autorisée", "aucun", "aucune", "désactivé", "dépasse", "doit", "expédiée", "générés",
	"impossible", "inconnu", "inconnue", "incorrect", "incorrecte", "interdit", "invalid", "invalide", "manquant", "manquante", "obligatoire",
	"refuse", "refusé", "refusée", "set", "trouvé", "trouvée",
}

// quote makes a text of the marketplace fit to be shown and logged: one line, bounded, and without anything that may be of a
// person or a secret. The texts are French sentences around values that the marketplace puts in: every word that is neither in
// the vocabulary nor the name of a state stands for such a value and is left out.
func quote(text string) string {
	var words []string
	for _, word := range strings.Fields(text) {
		if !passable(word) {
			word = "…"
		}
		if word != "…" || len(words) == 0 || words[len(words)-1] != "…" {
			words = append(words, word)
		}
	}
	quoted := strings.Join(words, " ")
	if runes := []rune(quoted); len(runes) > quoteLimit {
		return string(runes[:quoteLimit]) + "…"
	}
	return quoted
}

// passable reports whether a word is passed on: it holds nothing but what the marketplace is known to say. Elisions such as
// "l'état" are two words.
func passable(word string) bool {
	bare := strings.TrimFunc(word, isSign)
	if stateStatus(bare) != unrecognized {
		return true
	}
	parts := strings.FieldsFunc(strings.ToLower(bare), isSign)
	return !slices.ContainsFunc(parts, func(part string) bool { return !slices.Contains(vocabulary, part) })
}

// isSign reports whether a character belongs to no word. The degree of "N°" does.
func isSign(r rune) bool { return unicode.IsPunct(r) }
