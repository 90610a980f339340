module tokensession

go 1.19
